use super::*;

pub(super) fn cases() -> Vec<Case> {
    let to = |name: &[u8]| asking(|hello| hello.server_names = [name].into());
    let long = |len: usize| to(&[&b"a.".repeat(len / 2 - 1)[..], if len.is_multiple_of(2) { b"bc" } else { b"bcd" }].concat());
    let certified = |name: &'static str, asked: &[u8]| {
        let mut session = serving(|f| f.subject_alt_names = vec![name.to_owned()]);
        session.client_hello.as_mut().unwrap().server_names = [asked].into();
        session
    };
    let none = |complete: bool| {
        asking(|hello| {
            hello.server_names = ByteStrings::default();
            hello.complete = complete;
        })
    };
    vec![
        case("names.missing", none(true), none(false)),
        case("names.address", to(b"192.0.2.1"), to(b"192.0.2.1.example")),
        case("names.address", to(b"2001:db8::1"), to(b"1.2.3")),
        case("names.invalid", to(b"-bad-.example"), to(b"a-b.example")),
        case("names.invalid", to(b"two words"), to(b"192.0.2.1")),
        case("names.control", to(b"bank.example\0.evil.example"), to(b"bank.example.evil.example")),
        case("names.not-ascii", to("b\u{fc}cher.example".as_bytes()), to(b"xn--bcher-kva.example")),
        case("names.dot", to(b"www.shop.example."), sound()),
        case("names.upper-case", to(b"WWW.shop.example"), sound()),
        case("names.long-label", to(&[&[b'a'; 64][..], b".example"].concat()), to(&[&[b'a'; 63][..], b".example"].concat())),
        case("names.long", long(254), long(253)),
        case("names.internal", to(b"printer"), sound()),
        case("names.internal", to(b"printer.local"), to(b"local.example")),
        case("names.onion", to(b"abcdefghijklmnop.onion"), to(b"onion.example")),
        case("names.international", to(b"www.xn--bcher-kva.example"), to(b"www.xnbcher.example")),
        case("names.several", odd(Anomaly::MultipleSni), odd(Anomaly::InvalidSniType)),
        case("names.type", odd(Anomaly::InvalidSniType), odd(Anomaly::InvalidSniLength)),
        case("names.length", odd(Anomaly::InvalidSniLength), odd(Anomaly::MultipleSni)),
        case(
            "names.unlike-certificate",
            certified("www.other.example", b"www.shop.example"),
            certified("api.shop.example", b"www.shop.example"),
        ),
        case(
            "names.unlike-certificate",
            certified("www.myshop.example", b"www.shop.example"),
            certified("*.SHOP.example", b"www.shop.example"),
        ),
        case("names.unlike-certificate", certified("*.co.uk", b"www.b.co.uk"), certified("*.co.uk", b"b.CO.uk.")),
        case("names.unlike-certificate", certified("a.co.uk", b"b.co.uk"), certified("a.b.co.uk", b"c.b.co.uk.")),
    ]
}
