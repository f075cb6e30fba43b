//! What `byte_test`, `byte_jump`, `byte_extract` and `byte_math` mean, on one buffer.

use super::*;

#[test]
fn byte_test_compares() {
    check_values(&[
        ("byte_test:2,=,0x0102,0;", &["\x01\x02"], &["\x01\x03", "\x01"]),
        ("byte_test:2,=,258,1;", &["x\x01\x02"], &["\x01\x02x"]),
        ("byte_test:1,<,5,0;", &["\x04"], &["\x05"]),
        ("byte_test:1,<=,5,0;", &["\x05"], &["\x06"]),
        ("byte_test:1,>,5,0;", &["\x06"], &["\x05"]),
        ("byte_test:1,>=,5,0;", &["\x05"], &["\x04"]),
        ("byte_test:1,!=,5,0;", &["\x06"], &["\x05"]),
        ("byte_test:1,!,5,0;", &["\x06"], &["\x05"]),
        ("byte_test:1,! >,5,0;", &["\x05"], &["\x06"]),
        ("byte_test:1,&,6,0;", &["\x02", "\x05"], &["\x01", "\x10"]),
        ("byte_test:1,!&,6,0;", &["\x01"], &["\x02"]),
        ("byte_test:1,^,6,0;", &["\x02"], &["\x06"]),
        ("byte_test:2,=,1,0,little;", &["\x01\0"], &["\0\x01"]),
        ("byte_test:1,=,3,0,bitmask 0x30;", &["\x31"], &["\x21"]),
        ("byte_test:4,=,1337,0,string,dec;", &["1337", "13375"], &["1338", "x"]),
        ("byte_test:3,=,0x1f,1,string,hex;", &["a1f;"], &["a1g;"]),
        ("byte_test:0,<=,400,1,string,dec;", &["x200 OK"], &["x404", "xx"]),
        ("byte_test:2,=,0x01;", &["\0\x01"], &["\x01\0"]),
    ]);
}

#[test]
fn byte_test_is_relative_and_moves_nothing() {
    check_values(&[
        (r#"content:"ab"; byte_test:1,=,3,0,relative;"#, &["ab\x03"], &["\x03ab", "ab"]),
        (r#"content:"ab"; byte_test:1,=,3,-3,relative;"#, &["\x03ab"], &["ab\x03"]),
        (r#"content:"a"; byte_test:1,>,1,1,relative; content:"b"; within:1;"#, &["ab\x02"], &["ab\x01", "ac\x02"]),
        // The next `a` is tried, too.
        (r#"content:"a"; byte_test:1,=,3,0,relative;"#, &["a\x02a\x03"], &["a\x02a\x02"]),
        // Not there is not "not equal".
        (r#"content:"a"; byte_test:1,!=,3,0,relative;"#, &["ab"], &["a"]),
        (r#"content:"foobar"; byte_test:4,=,1337,1,relative,string,dec;"#, &["foobar:1337"], &["foobar1337"]),
    ]);
}

#[test]
fn byte_jump_moves_to_where_the_number_says() {
    check_values(&[
        (r#"byte_jump:1,0; content:"b"; within:1;"#, &["\x02xxb"], &["\x01xxb"]),
        (r#"content:"a"; byte_jump:1,0,relative; content:"b"; within:1;"#, &["xa\x01xb"], &["xa\x01b"]),
        (r#"byte_jump:1,0,from_beginning; content:"b"; within:1;"#, &["\x02xb"], &["\x02xxb"]),
        (r#"byte_jump:0,0,from_end,post_offset -2; content:"b"; within:1;"#, &["xbx", "bx"], &["xxb", "b"]),
        (r#"byte_jump:1,0,multiplier 2; content:"b"; within:1;"#, &["\x01xxb"], &["\x01xb"]),
        (r#"byte_jump:1,0,align; content:"b"; within:1;"#, &["\x01xxxxb", "\x04xxxxb", "\0b"], &["\x01xb", "\x05xxxxb"]),
        (r#"byte_jump:1,0,post_offset 1; content:"b"; within:1;"#, &["\0xb"], &["\0b"]),
        (r#"byte_jump:1,0,post_offset -1; content:"b"; within:1;"#, &["\x02xb"], &["\x02xxb"]),
        (r#"byte_jump:2,0,string,dec; content:"b"; within:1;"#, &["02xxb", "2xxb"], &["02xb"]),
        (r#"byte_jump:1,0,bitmask 0xf0; content:"b"; within:1;"#, &["\x1fxb"], &["\x01xb"]),
        (r#"byte_jump:2,0,little; content:"b"; within:1;"#, &["\x01\0xb"], &["\0\x01xb"]),
        (r#"byte_jump:1,0; byte_jump:1,0,relative; content:"b"; distance:0; within:1;"#, &["\x01x\x01xb"], &["\x01x\x02xb"]),
    ]);
}

#[test]
fn a_jump_lands_on_a_byte() {
    check_values(&[
        ("byte_jump:1,0;", &["\0x", "\x01xx"], &["\0", "\x01x", "\x02x"]),
        ("byte_jump:0,0,from_end;", &[], &["x"]),
        ("byte_jump:1,0,post_offset -3;", &["\x02x"], &["\x01x"]),
        // The usual way to ask that a length says how long the rest is.
        (r#"byte_jump:1,0,post_offset -1; isdataat:!2,relative;"#, &["\x02xx"], &["\x02xxx", "\x02x\0\0"]),
    ]);
}

#[test]
fn byte_extract_gives_values_to_what_follows() {
    check_values(&[
        (r#"byte_extract:1,0,n; content:"b"; offset:n;"#, &["\x02xb"], &["\x03xb"]),
        (r#"byte_extract:1,0,n; content:"b"; depth:n;"#, &["\x02b", "\x03xb"], &["\x01b", "\x02xb"]),
        (r#"byte_extract:1,0,n; content:"a"; content:"b"; distance:n;"#, &["\x01axb"], &["\x02axb"]),
        (r#"byte_extract:1,0,n; content:"a"; content:"b"; within:n;"#, &["\x02axb"], &["\x01axb"]),
        (r#"byte_extract:1,0,n; content:!"b"; offset:n;"#, &["\x03xb"], &["\x02xb"]),
        ("byte_extract:1,0,n; isdataat:n;", &["\x01x"], &["\x02x"]),
        ("byte_extract:1,0,n; isdataat:!n,relative;", &["\x02x"], &["\x01x"]),
        ("byte_extract:1,0,n; byte_test:1,=,n,1;", &["\x05\x05"], &["\x05\x06"]),
        ("byte_extract:1,0,n; byte_test:1,=,7,n;", &["\x02x\x07"], &["\x02\x07x"]),
        ("byte_extract:1,0,n; byte_test:n,=,7,0,relative;", &["\x02\0\x07"], &["\x01\0\x07"]),
        (r#"byte_extract:1,0,n; byte_jump:1,n; content:"b"; within:1;"#, &["\x01\x01xb"], &["\x02\x01\0xb"]),
        ("byte_extract:1,0,n,multiplier 3; byte_test:1,=,n,1;", &["\x02\x06"], &["\x02\x02"]),
        ("byte_extract:1,0,n,align 4; byte_test:1,=,n,1;", &["\x05\x08", "\x04\x04"], &["\x05\x05"]),
        ("byte_extract:1,0,n,multiplier 3,align 2; byte_test:1,=,n,1;", &["\x01\x04"], &["\x01\x03"]),
        // It moves past what it read.
        (r#"byte_extract:2,0,n; content:"b"; within:1;"#, &["xxb"], &["xb"]),
        // It depends on the match before it, and what follows on it.
        (r#"content:"a"; byte_extract:1,0,n,relative; content:"b"; offset:n;"#, &["a\x09a\x01b"], &["a\x09a\x08b"]),
        ("byte_extract:3,0,n; ", &["abc"], &["ab"]),
    ]);
}

#[test]
fn byte_math_computes() {
    check_values(&[
        ("byte_math:bytes 1, offset 0, oper +, rvalue 2, result n; byte_test:1,=,n,1;", &["\x01\x03"], &["\x01\x01"]),
        ("byte_math:bytes 1,offset 0,oper -,rvalue 1,result n; byte_test:1,=,n,1;", &["\x02\x01"], &["\x02\x02"]),
        ("byte_math:bytes 1,offset 0,oper *,rvalue 3,result n; byte_test:1,=,n,1;", &["\x02\x06"], &["\x02\x02"]),
        ("byte_math:bytes 1,offset 0,oper /,rvalue 2,result n; byte_test:1,=,n,1;", &["\x07\x03"], &["\x07\x07"]),
        ("byte_math:bytes 1,offset 0,oper <<,rvalue 2,result n; byte_test:1,=,n,1;", &["\x01\x04"], &["\x01\x01"]),
        ("byte_math:bytes 1,offset 0,oper >>,rvalue 1,result n; byte_test:1,=,n,1;", &["\x05\x02"], &["\x05\x05"]),
        ("byte_math:oper +,result n,rvalue 0,offset 0,bytes 2,endian little; byte_test:1,=,n,1;", &[], &["\x01\x01"]),
        ("byte_math:bytes 2,offset 0,oper +,rvalue 1,result n,string dec; byte_test:1,=,n,2;", &["09\x0a"], &["09\x09"]),
        (
            "byte_extract:1,0,x; byte_math:bytes 1,offset 1,oper +,rvalue x,result n; byte_test:1,=,n,2;",
            &["\x01\x02\x03"],
            &["\x01\x02\x02"],
        ),
        ("byte_extract:1,0,x; byte_math:bytes 1,offset 1,oper /,rvalue x,result n;", &["\x01\x02"], &["\0\x02"]),
        // What is below zero leads backwards.
        (
            r#"byte_math:bytes 1,offset 0,oper -,rvalue 3,result n; content:"c"; content:"a"; distance:n; within:1;"#,
            &["\x01xac"],
            &["\x01abc", "\x02xac"],
        ),
    ]);
}

#[test]
fn a_variable_is_known_in_its_buffer_only() {
    let again = r#"byte_extract:1,0,n; ja3.hash; content:"a"; tls.sni; content:"b"; offset:n;"#;
    let mut s = session();
    s.client_hello = Some(hello("\x02xb"));
    assert!(fires(&format!("alert tls any any -> any any (tls.sni; {again} sid:1;)"), &s));
    for options in [
        r#"byte_extract:1,0,n; ja3.hash; content:"a"; offset:n;"#,
        r#"byte_extract:1,0,n; tls.sni; dotprefix; content:"a"; offset:n;"#,
        "byte_test:1,=,n,0;",
    ] {
        assert_eq!(refusal(options), "`n` was not extracted before in this buffer", "{options}");
    }
}

#[test]
fn bad_forms_are_refused() {
    for (options, expected) in [
        ("byte_test:9,=,1,0;", "bad value: expected 1 to 8 bytes, or 0 to 23 of a string"),
        ("byte_test:0,=,1,0;", "bad value: expected 1 to 8 bytes, or 0 to 23 of a string"),
        ("byte_test:24,=,1,0,string;", "bad value: expected 1 to 8 bytes, or 0 to 23 of a string"),
        ("byte_test:1,~,1,0;", "bad value: expected one of < <= = >= > & ^, or ! before it"),
        ("byte_test:1,=;", "bad value: expected a value to compare with"),
        ("byte_test:1,=,1,0,hex;", "bad value: expected string before hex, dec or oct"),
        ("byte_test:1,=,1,0,dce;", "not supported: dce: DCERPC is not followed"),
        ("byte_test:1,=,1,0,bitmask 0;", "bad value: expected a bitmask of 1 to 8 hex digits, not zero"),
        ("byte_jump:1;", "bad value: expected an offset"),
        ("byte_jump:1,0,from_end,from_beginning;", "it is given twice"),
        ("byte_jump:1,0,multiplier 0;", "bad value: expected a multiplier from 1 to 65535"),
        ("byte_extract:1,0;", "bad value: expected a name for the variable"),
        ("byte_extract:1,0,2n;", "bad value: expected a name for the variable that begins with a letter"),
        ("byte_extract:1,0,n,align 3;", "bad value: expected align 2 or align 4"),
        (
            "byte_math:bytes 1,offset 0,oper +,result n;",
            "bad value: expected bytes, offset, oper, rvalue and result, each with its value",
        ),
        ("byte_math:bytes 1,offset 0,oper /,rvalue 0,result n;", "it can never match: a division by zero"),
        ("byte_math:bytes 1,offset 0,oper %,rvalue 1,result n;", "bad value: expected one of + - * / << >>"),
    ] {
        assert_eq!(refusal(options), expected, "{options}");
    }
    let many: String = (0..33).map(|i| format!("byte_extract:1,0,n{i}; ")).collect();
    assert_eq!(refusal(&many), "too long: more than 32 variables");
}
