#!/usr/bin/env bash
# Makes the captures of this directory: make.sh [OUT] (default: where this script is). Needs root, a minute, and
#
#     apt-get install tcpdump iproute2 ethtool openssl nginx-light curl openssh-client default-jre-headless python3 gzip zstd
#
# and cargo, for rustls/. Client and server live in two network namespaces joined by a veth pair, so that nothing else
# is in the captures; offloads are off, so that segments are as a wire would carry them. Keys, randoms and times differ
# from run to run; names, addresses, versions, ciphers, serials and validity do not. README.md says what each one shows.
#
# shellcheck disable=SC2317 # capture calls the functions named `talk`
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(realpath -m "${1:-$here}")
mkdir -p "$out"
work=$(mktemp -d)
srv=pcaps-srv-$$ cli=pcaps-cli-$$
server=10.44.0.1 client=10.44.0.2 server6=2001:db8:44::1 client6=2001:db8:44::2
trap cleanup EXIT

cleanup() {
    for ns in "$srv" "$cli"; do
        ip netns pids "$ns" 2>/dev/null | xargs -r kill 2>/dev/null || true
        ip netns del "$ns" 2>/dev/null || true
    done
    rm -rf "$work"
}

on_server() { ip netns exec "$srv" "$@"; }
on_client() { ip netns exec "$cli" "$@"; }

# --- the network -------------------------------------------------------------------------------------------------------

network() {
    ip netns add "$srv"
    ip netns add "$cli"
    ip link add server0 netns "$srv" address 02:00:00:44:00:01 type veth peer name client0 netns "$cli" address 02:00:00:44:00:02
    end "$srv" server0 "$server" "$server6" "$client" "$client6" 02:00:00:44:00:02
    end "$cli" client0 "$client" "$client6" "$server" "$server6" 02:00:00:44:00:01
}

end() { # namespace interface ip ip6 peer-ip peer-ip6 peer-mac
    ip -n "$1" link set lo up
    ip netns exec "$1" ethtool -K "$2" tso off gso off gro off tx off rx off >/dev/null
    ip -n "$1" address add "$3/24" dev "$2"
    ip -n "$1" address add "$4/64" dev "$2" nodad
    ip -n "$1" link set "$2" up
    ip -n "$1" neighbour replace "$5" lladdr "$7" dev "$2" nud permanent
    ip -n "$1" neighbour replace "$6" lladdr "$7" dev "$2" nud permanent
}

# --- certificates ------------------------------------------------------------------------------------------------------

ca_config() {
    cat >ca.cnf <<'CNF'
[ca]
default_ca = lab
[lab]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
countryName = optional
organizationName = optional
commonName = supplied
emailAddress = optional
CNF
}

certificate() { # name key-type subject issuer|self serial not-before not-after extension...
    local name=$1 key=$2 subject=$3 issuer=$4 serial=$5 from=$6 to=$7 sign
    shift 7
    case $key in
        rsa) openssl genrsa -out "$name.key" 2048 2>/dev/null ;;
        *) openssl ecparam -name "$key" -genkey -noout -out "$name.key" ;;
    esac
    printf '%s\n' "$@" >"$name.ext"
    openssl req -new -utf8 -key "$name.key" -subj "$subject" -out "$name.csr"
    if [ "$issuer" = self ]; then sign=(-selfsign -keyfile "$name.key"); else sign=(-cert "$issuer.crt" -keyfile "$issuer.key"); fi
    : >index.txt
    echo "$serial" >serial
    openssl ca -batch -notext -utf8 -preserveDN -config ca.cnf "${sign[@]}" -in "$name.csr" -out "$name.crt" \
        -startdate "$from" -enddate "$to" -extfile "$name.ext" >/dev/null 2>ca.log || { cat ca.log >&2; return 1; }
}

certificates() {
    local ca=('basicConstraints = critical, CA:TRUE' 'keyUsage = critical, keyCertSign, cRLSign' 'subjectKeyIdentifier = hash')
    local leaf=('basicConstraints = critical, CA:FALSE' 'subjectKeyIdentifier = hash' 'authorityKeyIdentifier = keyid')
    local web=("${leaf[@]}" 'keyUsage = critical, digitalSignature, keyEncipherment' 'extendedKeyUsage = serverAuth')
    local from=20260101000000Z to=20280101000000Z
    ca_config
    certificate root prime256v1 '/C=CH/O=Example Trust/CN=Example Root R1' self 4400000000000001 20200101000000Z 20400101000000Z "${ca[@]}"
    certificate issuing prime256v1 '/C=CH/O=Example Trust/CN=Example Issuing CA G2' root 4400000000000002 20220101000000Z 20320101000000Z "${ca[@]}"
    certificate shop prime256v1 '/CN=www.shop.example' issuing 5301B0A7C4E29F1D $from $to "${web[@]}" \
        "subjectAltName = DNS:www.shop.example, DNS:shop.example, DNS:*.cdn.shop.example, IP:$server, IP:$server6"
    certificate bank rsa '/C=CH/O=Example Bank/CN=online.bank.example' issuing 5302D6 $from $to "${web[@]}" 'subjectAltName = DNS:online.bank.example'
    certificate laptop prime256v1 '/C=CH/O=Example Bank/CN=laptop-0042.bank.example/emailAddress=it@bank.example' issuing 5303 $from $to \
        "${leaf[@]}" 'keyUsage = critical, digitalSignature' 'extendedKeyUsage = clientAuth'
    certificate printer rsa '/C=DE/O=Bücher & Söhne, Druckerei/CN=printer-7.corp.test' self 00D1CE 20190301000000Z 20200301000000Z \
        'basicConstraints = CA:FALSE' 'subjectAltName = DNS:printer-7.corp.test'
    certificate legacy rsa '/O=Example Bank/CN=mainframe.corp.test' issuing 5304 $from $to "${web[@]}" 'subjectAltName = DNS:mainframe.corp.test'
    openssl pkcs12 -export -in legacy.crt -inkey legacy.key -certfile issuing.crt -name legacy -passout pass:portcullis -out legacy.p12
    cat shop.crt issuing.crt root.crt >shop-chain.pem
    cat shop.crt issuing.crt >shop-short.pem
    cat bank.crt issuing.crt >bank-chain.pem
}

# --- one capture -------------------------------------------------------------------------------------------------------

# Runs a server in the background on its side, and waits until it listens on 443.
serve() {
    ip netns exec "$srv" "$@" >server.log 2>&1 </dev/null &
    server_pid=$!
    for _ in $(seq 100); do
        [ -n "$(on_server ss -Hltn 'sport = :443')" ] && return
        sleep 0.1
    done
    cat server.log >&2
    return 1
}

# Captures on the server's interface while the client's function runs: capture NAME FUNCTION [tcpdump options]
capture() {
    local name=$1 talk=$2 dump
    shift 2
    [ $# -gt 0 ] || set -- -i server0
    rm -f tcpdump.log
    ip netns exec "$srv" tcpdump -Z root -s 0 -U --immediate-mode -w "$out/$name" "$@" tcp >/dev/null 2>tcpdump.log &
    dump=$!
    until grep -qs ', link-type' tcpdump.log; do sleep 0.05; done
    "$talk" >client.log 2>&1 || true
    sleep 0.4
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    sleep 0.1
    kill "$dump"
    wait "$dump" || true
    echo "$name: $(stat -c %s "$out/$name") bytes, $(tcpdump -nr "$out/$name" 2>/dev/null | wc -l) packets"
}

s_server() { serve openssl s_server -accept 443 -WWW -quiet "$@"; }

# One request with s_client: get NAME OPTIONS...
get() {
    local name=$1
    shift
    { printf 'GET /hello.txt HTTP/1.0\r\n\r\n'; sleep 0.2; } |
        on_client timeout 5 openssl s_client -connect "$server:443" -servername "$name" -CAfile root.crt -quiet -ign_eof "$@" 2>&1
}

shop() { s_server -cert shop.crt -key shop.key -cert_chain issuing.crt "$@"; }
bank() { s_server -cert bank.crt -key bank.key -cert_chain issuing.crt "$@"; }
old=(-cipher 'DEFAULT:@SECLEVEL=0')

versions() {
    talk() { get online.bank.example -tls1 "${old[@]}"; }
    bank -tls1 "${old[@]}"; capture tls10.pcap talk
    talk() { get online.bank.example -tls1_1 "${old[@]}"; }
    bank -tls1_1 "${old[@]}"; capture tls11.pcap talk
    talk() { get www.shop.example -tls1_2; }
    shop -tls1_2; capture tls12.pcap talk
    talk() { get www.shop.example -tls1_3 -alpn h2,http/1.1; }
    shop -tls1_3 -alpn http/1.1; capture tls13.pcap talk
}

# What OpenSSL cannot do any more, by Java's: legacy NAME PROTOCOLS CIPHERS
legacy() {
    local name=$1 protocols=$2 ciphers=$3
    talk() { on_client timeout 20 java "$here/Legacy.java" client "$server" 443 mainframe.corp.test "$protocols" "$ciphers"; }
    serve java "$here/Legacy.java" server "$server" 443 legacy.p12 "$protocols" "$ciphers"
    capture "$name" talk
}

legacies() {
    legacy ssl30.pcap SSLv3 SSL_RSA_WITH_3DES_EDE_CBC_SHA,TLS_RSA_WITH_AES_128_CBC_SHA
    legacy sslv2-hello.pcap SSLv2Hello,SSLv3,TLSv1 TLS_RSA_WITH_AES_128_CBC_SHA,SSL_RSA_WITH_3DES_EDE_CBC_SHA
    legacy weak-rc4.pcap TLSv1.2 SSL_RSA_WITH_RC4_128_SHA
    legacy weak-3des.pcap TLSv1.2 SSL_RSA_WITH_3DES_EDE_CBC_SHA
    talk() { get online.bank.example -tls1_2 -cipher NULL-SHA256:@SECLEVEL=0; }
    bank -tls1_2 -cipher NULL-SHA256:@SECLEVEL=0; capture weak-null.pcap talk
    talk() { get online.bank.example -tls1_2 -cipher ADH-AES128-GCM-SHA256:@SECLEVEL=0; }
    s_server -nocert -tls1_2 -cipher ADH-AES128-GCM-SHA256:@SECLEVEL=0; capture weak-anonymous.pcap talk
}

client_certificates() {
    local ask=(-Verify 3 -CAfile root.crt -verify_return_error) own=(-cert laptop.crt -key laptop.key -cert_chain issuing.crt)
    talk() { get online.bank.example -tls1_2 "${own[@]}"; }
    bank -tls1_2 "${ask[@]}"; capture client-cert-tls12.pcap talk
    talk() { get online.bank.example -tls1_3 "${own[@]}"; }
    bank -tls1_3 "${ask[@]}"; capture client-cert-tls13.pcap talk
}

resumptions() {
    twice() {
        rm -f session
        get www.shop.example "$@" -sess_out session
        get www.shop.example "$@" -sess_in session
    }
    talk() { twice -tls1_2 -no_ticket; }
    shop -tls1_2 -no_ticket; capture resume-session-id.pcap talk
    talk() { twice -tls1_2; }
    shop -tls1_2; capture resume-ticket.pcap talk
    talk() { twice -tls1_3; }
    shop -tls1_3; capture resume-psk.pcap talk
    printf 'GET /hello.txt HTTP/1.0\r\n\r\n' >early
    talk() {
        local s_client=(timeout 5 openssl s_client -connect "$server:443" -servername www.shop.example -CAfile root.crt -tls1_3)
        rm -f session
        sleep 0.5 | on_client "${s_client[@]}" -sess_out session
        sleep 0.5 | on_client "${s_client[@]}" -sess_in session -early_data early
    }
    serve sh -c 'sleep 15 | exec openssl s_server -accept 443 -quiet -tls1_3 -naccept 2 -early_data -max_early_data 16384 \
        -cert shop.crt -key shop.key -cert_chain issuing.crt'
    capture early-data.pcap talk
}

hellos() {
    talk() { get www.shop.example -tls1_3 -groups X25519:P-384; }
    shop -tls1_3 -groups P-384; capture hello-retry.pcap talk
    cargo build --quiet --locked --manifest-path "$here/rustls/Cargo.toml"
    local pair=${CARGO_TARGET_DIR:-$here/rustls/target}/debug/rustls-pair
    talk() { on_client "$pair" client "$server:443" www.shop.example root.crt; }
    serve "$pair" server "$server:443" shop-short.pem shop.key; capture post-quantum.pcap talk
    talk() { on_client "$pair" client "$server:443" www.shop.example root.crt --ech-grease; }
    serve "$pair" server "$server:443" shop-short.pem shop.key; capture ech-grease.pcap talk
}

alerts() {
    talk() { get online.bank.example -tls1_2 -CAfile printer.crt -verify_return_error; }
    bank -tls1_2; capture alert-unknown-ca.pcap talk
    talk() { get online.bank.example -tls1_2 -cipher ECDHE-RSA-CHACHA20-POLY1305; }
    bank -tls1_2 -cipher AES256-GCM-SHA384; capture alert-handshake-failure.pcap talk
    talk() { get online.bank.example -tls1_1 "${old[@]}"; }
    bank -tls1_2; capture alert-protocol-version.pcap talk
}

certificates_seen() {
    cat >nginx.conf <<CNF
daemon off;
user root;
pid $work/nginx.pid;
error_log $work/nginx.err;
worker_processes 1;
events { worker_connections 16; }
http {
    access_log off;
    server {
        listen 443 ssl http2;
        listen [::]:443 ssl http2;
        ssl_certificate $work/shop-chain.pem;
        ssl_certificate_key $work/shop.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        location / { return 200 "hello\n"; }
    }
}
CNF
    local get=(curl -sS -m 5 --cacert root.crt)
    talk() { on_client "${get[@]}" --tls-max 1.2 --resolve "www.shop.example:443:$server" https://www.shop.example/; }
    serve nginx -c "$work/nginx.conf"; capture h2-chain-tls12.pcap talk
    talk() { on_client "${get[@]}" --resolve "shop.example:443:$server" https://shop.example/; }
    serve nginx -c "$work/nginx.conf"; capture h2-tls13.pcap talk
    talk() { on_client "${get[@]}" --tls-max 1.2 --resolve "www.shop.example:443:[$server6]" https://www.shop.example/; }
    serve nginx -c "$work/nginx.conf"; capture ipv6.pcap talk
    talk() { get printer-7.corp.test -tls1_2; }
    s_server -tls1_2 -cert printer.crt -key printer.key; capture expired-self-signed.pcap talk
    talk() { get www.shop.example -tls1_2; }
    shop -tls1_2; capture sll2-nanoseconds.pcap talk -i any --time-stamp-precision nano
}

not_tls() {
    cat >http.conf <<CNF
daemon off;
user root;
pid $work/nginx.pid;
error_log $work/nginx.err;
events { worker_connections 16; }
http { access_log off; server { listen 443; location / { return 200 "hello\n"; } } }
CNF
    talk() { on_client curl -sS -m 5 --resolve "www.shop.example:443:$server" http://www.shop.example:443/login?user=ada; }
    serve nginx -c "$work/http.conf"; capture http-on-443.pcap talk
    talk() { on_client timeout 5 ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -p 443 "git@$server"; }
    serve python3 -c '
import socket
listener = socket.create_server(("10.44.0.1", 443))
peer, _ = listener.accept()
peer.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
peer.recv(4096)
'
    capture ssh-on-443.pcap talk
}

rewrapped() {
    python3 "$here/rewrap.py" vlan 443 "$out/tls12.pcap" "$out/vlan.pcap"
    python3 "$here/rewrap.py" qinq 100 443 "$out/tls12.pcap" "$out/qinq.pcap"
    python3 "$here/rewrap.py" vxlan 4430 "$out/tls12.pcap" "$out/vxlan.pcap"
    python3 "$here/rewrap.py" fragments 576 "$out/h2-chain-tls12.pcap" "$out/ip-fragments.pcap"
    python3 "$here/rewrap.py" pcapng "$out/tls12.pcap" "$out/ipv6.pcap" "$out/two-interfaces.pcapng"
    gzip -9nc "$out/tls13.pcap" >"$out/tls13.pcap.gz"
    zstd -q -f -19 "$out/tls12.pcap" -o "$out/tls12.pcap.zst"
}

cd "$work"
echo hello >hello.txt
network
certificates
versions
legacies
client_certificates
resumptions
hellos
alerts
certificates_seen
not_tls
rewrapped
