//! What is matched after a transform.

use super::*;

#[test]
fn contents_are_those_of_the_transformed_value() {
    check_values(&[
        (r#"to_lowercase; content:"www.a.test"; bsize:10;"#, &["WWW.a.Test"], &["w.a.test"]),
        (r#"to_uppercase; content:"A.TEST";"#, &["a.test"], &[]),
        (r#"strip_whitespace; content:"ab"; startswith;"#, &["a b", " a\tb"], &["axb"]),
        (r#"compress_whitespace; content:"a b";"#, &["a \t b"], &["ab"]),
        (r#"domain; content:"example.co.uk"; bsize:13;"#, &["a.b.example.co.uk"], &["example.co.uk.test"]),
        (r#"domain; dotprefix; content:".example.com"; endswith;"#, &["www.example.com", "example.com"], &["badexample.com"]),
        (r#"tld; content:"co.uk"; startswith; endswith;"#, &["example.co.uk"], &["example.uk"]),
        (r#"url_decode; content:"a b";"#, &["a%20b", "a+b"], &["a%2b"]),
        (r#"xor:"20"; content:"AB";"#, &["ab"], &["AB"]),
        (r#"pcrexform:"^([^.]+)\."; content:"www"; bsize:3;"#, &["www.a.test"], &["wwww.a.test"]),
        (r#"pcrexform:"(?<=x)([^.]+)"; content:"abc"; bsize:3;"#, &["xabc.a"], &["abc.a"]),
        // An expression that does not match leaves the value as it is.
        (r#"pcrexform:"^(\d)"; content:"a.test"; bsize:6;"#, &["a.test"], &["1a.test"]),
        (r#"to_md5; content:"|90015098 3cd24fb0 d6963f7d 28e17f72|"; bsize:16;"#, &["abc"], &["abd"]),
        (r#"to_sha1; content:"|a9993e36 4706816a ba3e2571 7850c26c 9cd0d89d|"; bsize:20;"#, &["abc"], &["abd"]),
        (r#"to_sha256; content:"|ba7816bf 8f01cfea 414140de 5dae2223 b00361a3 96177a9c b410ff61 f20015ad|";"#, &["abc"], &["abd"]),
        (r#"from_base64; content:"This"; bsize:4;"#, &["VGhpcw==", "VGhpcw", "VGhpcw.x"], &["This", "VGhp.cw"]),
        (r#"from_base64:offset 4, mode rfc2045; content:"This";"#, &["www.VGhp.cw"], &["VGhpcw"]),
        (r#"from_base64:mode strict; content:"This";"#, &["VGhpcw=="], &["VGhpcw"]),
        (r#"subslice:0,3; content:"www"; bsize:3;"#, &["www.a.test"], &["ww.a.test", "ww"]),
        (r#"subslice:-4; content:"test"; startswith;"#, &["a.test"], &["test.a"]),
        (r#"subslice:3; from_base64; content:"This";"#, &["x--VGhpcw"], &["VGhpcw"]),
        (r#"subslice:9; bsize:0;"#, &["short"], &["a.longer.name"]),
        (r#"strip_whitespace; to_md5; content:"|900150983cd24fb0d6963f7d28e17f72|";"#, &["a b c"], &["a.b.c"]),
    ]);
}

/// The bytes of a digest are no letters, and stay as written where the buffer has its letters in one case.
#[test]
fn a_digest_has_no_letter_case() {
    let digest = r#"ja3.hash; to_sha1; content:"|b9 c5 6e b5 8e 45 90 f1 8b 6c 6a 0c|";"#;
    let mut s = session();
    let print = s.client_fingerprints.as_mut().unwrap();
    print.ja3 = "abc".into();
    assert!(!fires(&format!("alert tls any any -> any any ({digest} sid:1;)"), &s));
    let digest = r#"ja3.hash; to_sha1; content:"|a9993e364706816aba3e25717850c26c9cd0d89d|"; content:"|47|"; content:!"|67|";"#;
    assert!(fires(&format!("alert tls any any -> any any ({digest} sid:1;)"), &s));
}

#[test]
fn misuse_is_refused() {
    for (options, expected) in [
        (r#"content:"a"; to_md5;"#, "bad value: expected it between the buffer and what is matched in it"),
        (r#"to_md5:1; content:"a";"#, "it takes no value"),
        (r#"pcrexform:"abc"; content:"a";"#, "bad value: expected an expression with a group"),
        (r#"xor:"0"; content:"a";"#, "bad value: expected a key of 1 to 255 bytes, as pairs of hex digits"),
        (r#"xor:"0g"; content:"a";"#, "bad value: expected a key of 1 to 255 bytes, as pairs of hex digits"),
        (r#"from_base64:4; content:"a";"#, "bad value: expected bytes N, offset N, mode strict|rfc4648|rfc2045"),
        (r#"from_base64:mode x; content:"a";"#, "bad value: expected bytes N, offset N, mode strict|rfc4648|rfc2045"),
        (r#"subslice; content:"a";"#, "a value is missing"),
        (r#"subslice:1,2,3; content:"a";"#, "bad value: expected offset[, bytes][, truncate]"),
        (r#"header_lowercase; content:"a";"#, "not supported: it is about the headers of HTTP, which TLS hides"),
        (r#"strip_pseudo_headers; content:"a";"#, "not supported: it is about the headers of HTTP, which TLS hides"),
        ("luaxform:x.lua;", "not supported: rules run no programs"),
    ] {
        assert_eq!(refusal(options), expected, "{options}");
    }
}
