use super::*;

pub(super) fn cases() -> Vec<Case> {
    let client = |description: u8| alerting(true, description);
    let server = |description: u8| alerting(false, description);
    vec![
        case("alert.client.unknown-ca", client(48), server(48)),
        case("alert.client.bad-certificate", client(42), server(42)),
        case("alert.client.certificate-unknown", client(46), client(45)),
        case("alert.client.certificate-expired", client(45), client(44)),
        case("alert.client.certificate-revoked", client(44), client(43)),
        case("alert.client.unsupported-certificate", client(43), client(42)),
        case("alert.client.bad-certificate-status", client(113), client(114)),
        case("alert.client.handshake-failure", client(40), server(40)),
        case("alert.client.protocol-version", client(70), server(70)),
        case("alert.client.decrypt-error", client(51), client(50)),
        case("alert.client.user-canceled", client(90), client(0)),
        case("alert.client.ech-required", client(121), client(120)),
        case("alert.server.handshake-failure", server(40), client(40)),
        case("alert.server.protocol-version", server(70), client(70)),
        case("alert.server.insufficient-security", server(71), server(70)),
        case("alert.server.unrecognized-name", server(112), server(111)),
        case("alert.server.no-application-protocol", server(120), server(121)),
        case("alert.server.client-certificate", server(48), client(48)),
        case("alert.server.client-certificate", server(116), server(115)),
        case("alert.server.access-denied", server(49), server(48)),
        case("alert.server.unknown-psk-identity", server(115), server(116)),
        case("alert.illegal-parameter", server(47), server(48)),
        case("alert.unexpected-message", client(10), client(20)),
        case("alert.decode-error", client(50), client(51)),
        case("alert.bad-record-mac", server(20), server(22)),
        case("alert.internal-error", server(80), server(86)),
        case("alert.export-restriction", server(60), server(70)),
    ]
}
