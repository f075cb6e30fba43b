//! Signature algorithms that ring lacks: ECDSA on P-521, and ML-DSA.

use ml_dsa::{EncodedVerifyingKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature, VerifyingKey};
use p521::ecdsa::signature::Verifier;
use p521::ecdsa::signature::hazmat::PrehashVerifier;
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// ECDSA on P-521 (RFC 5758 §3.2) over each of its digests, and ML-DSA (RFC 9881).
pub(super) static ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 6] = [
    &P521 { id: alg_id::ECDSA_SHA512, digest: padded::<Sha512> },
    &P521 { id: alg_id::ECDSA_SHA384, digest: padded::<Sha384> },
    &P521 { id: alg_id::ECDSA_SHA256, digest: padded::<Sha256> },
    &MlDsa { id: alg_id::ML_DSA_44, verify: verify_ml_dsa::<MlDsa44> },
    &MlDsa { id: alg_id::ML_DSA_65, verify: verify_ml_dsa::<MlDsa65> },
    &MlDsa { id: alg_id::ML_DSA_87, verify: verify_ml_dsa::<MlDsa87> },
];

/// ECDSA on P-521 over one digest.
#[derive(Debug)]
struct P521 {
    id: AlgorithmIdentifier,
    digest: fn(&[u8]) -> [u8; 64],
}

/// ML-DSA with one set of parameters: one identifier is both the key's and the signature's.
#[derive(Debug)]
struct MlDsa {
    id: AlgorithmIdentifier,
    verify: fn(&[u8], &[u8], &[u8]) -> bool,
}

impl SignatureVerificationAlgorithm for P521 {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P521
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.id
    }

    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = p521::ecdsa::Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        key.verify_prehash(&(self.digest)(message), &signature).map_err(|_| InvalidSignature)
    }
}

impl SignatureVerificationAlgorithm for MlDsa {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.id
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.id
    }

    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        if (self.verify)(public_key, message, signature) { Ok(()) } else { Err(InvalidSignature) }
    }
}

/// A digest as a number of 64 bytes: all of them are shorter than P-521's order, so that no bit is cut off (FIPS 186-5 §6.4.2).
fn padded<D: Digest>(message: &[u8]) -> [u8; 64] {
    let mut number = [0; 64];
    for (place, byte) in number.iter_mut().rev().zip(D::digest(message).iter().rev()) {
        *place = *byte;
    }
    number
}

fn verify_ml_dsa<P: MlDsaParams>(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = EncodedVerifyingKey::<P>::try_from(public_key) else { return false };
    let Ok(signature) = Signature::<P>::try_from(signature) else { return false };
    VerifyingKey::<P>::decode(&key).verify(message, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use ml_dsa::signature::{Keypair, Signer};
    use ml_dsa::{B32, SigningKey};

    use super::*;

    fn verifies<P: MlDsaParams>(id: AlgorithmIdentifier) {
        let key = SigningKey::<P>::from_seed(&B32::from([7; 32]));
        let (public_key, signature) = (key.verifying_key().encode(), key.sign(b"message").encode());
        let algorithm = ALGORITHMS.iter().find(|a| a.signature_alg_id() == id).unwrap();
        assert!(algorithm.verify_signature(&public_key, b"message", &signature).is_ok());
        assert!(algorithm.verify_signature(&public_key, b"massage", &signature).is_err());
        assert!(algorithm.verify_signature(&public_key[1..], b"message", &signature).is_err());
        assert!(algorithm.verify_signature(&public_key, b"message", &signature[1..]).is_err());
    }

    #[test]
    fn ml_dsa_takes_right_signatures_only() {
        verifies::<MlDsa44>(alg_id::ML_DSA_44);
        verifies::<MlDsa65>(alg_id::ML_DSA_65);
        verifies::<MlDsa87>(alg_id::ML_DSA_87);
    }

    #[test]
    fn what_is_no_key_or_signature_is_refused() {
        for algorithm in ALGORITHMS {
            for (key, signature) in [(&[][..], &[][..]), (&[4; 133], &[0x30, 6, 2, 1, 1, 2, 1, 1]), (&[0; 4_000], &[0xff; 5_000])] {
                assert!(algorithm.verify_signature(key, b"", signature).is_err());
            }
        }
    }
}
