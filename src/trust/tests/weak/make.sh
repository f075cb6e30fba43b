#!/bin/sh
# Certificates with what rcgen does not make: signatures over SHA-1 and MD5, and by a key of 1,024 bits. Keys are not kept.
# Needs OpenSSL 3. The tests judge them at 2030-01-01.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

leaf="subjectAltName=DNS:www.example
extendedKeyUsage=serverAuth"

key() { openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:$2" -out "$work/$1.key" 2>/dev/null; }

root() { # name bits digest
    key "$1" "$2"
    openssl req -x509 -new -key "$work/$1.key" "-$3" -days 7300 -subj "/CN=$1" -out "$1.pem" \
        -addext "keyUsage=critical,keyCertSign"
}

issue() { # issuer name digest extensions
    key "$2" 2048
    openssl req -new -key "$work/$2.key" -subj "/CN=$2" -out "$work/$2.csr"
    echo "$4" > "$work/$2.ext"
    openssl x509 -req -in "$work/$2.csr" -CA "$1.pem" -CAkey "$work/$1.key" -CAcreateserial -CAserial "$work/serial" "-$3" \
        -days 7300 -extfile "$work/$2.ext" -out "$2.pem" 2>/dev/null
}

root root 2048 sha1
issue root sha1 sha1 "$leaf"
issue root md5 md5 "$leaf"
issue root sha1-issuer sha1 "basicConstraints=critical,CA:TRUE"
issue sha1-issuer below-sha1-issuer sha256 "$leaf"
root short-root 1024 sha256
issue short-root below-short-root sha256 "$leaf"
issue short-root sha384-by-short-key sha384 "$leaf"
