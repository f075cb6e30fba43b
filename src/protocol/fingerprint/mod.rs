//! Fingerprints of hellos: JA3, JA3S, JA4.

/// The fingerprints of a ClientHello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFingerprints {
    /// JA3's string.
    pub ja3_string: String,
    /// JA3: MD5 of the string, lower-case hex.
    pub ja3: String,
    /// JA4, as its specification says.
    pub ja4: String,
    /// JA4_r: the same with the lists in place of their hashes.
    pub ja4_r: String,
}

/// The fingerprints of a ServerHello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFingerprints {
    /// JA3S's string.
    pub ja3s_string: String,
    /// JA3S: MD5 of the string, lower-case hex.
    pub ja3s: String,
    /// JA4S.
    #[cfg(feature = "ja4plus")]
    pub ja4s: String,
    /// JA4S_r.
    #[cfg(feature = "ja4plus")]
    pub ja4s_r: String,
}
