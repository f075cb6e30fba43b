//! The signature algorithms that paths are verified with.
//!
//! Those that rustls-webpki has for RSA begin at 2,048 bits and at SHA-256. Ours also take what is weaker: a path with a weak signature
//! can then be verified, and all that is wrong with it be told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest;
use ring::signature::{self, RsaParameters, UnparsedPublicKey};
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use webpki::ring as strong;

use super::pure;
use crate::protocol::x509::{Crl, Key, PublicKey};

/// All of them, with a memory of what signatures came to: the same intermediates come back thousands of times, and a wrong signature is asked
/// for again to find out whose it may be. A signature costs more than all else that is done with a chain.
#[derive(Debug)]
pub(super) struct Algorithms([Remembering; COUNT]);

impl Algorithms {
    pub fn all(&self) -> [&dyn SignatureVerificationAlgorithm; COUNT] {
        self.0.each_ref().map(|algorithm| algorithm as &dyn SignatureVerificationAlgorithm)
    }
}

impl Algorithms {
    /// Another chain begins, or something else that is to be judged by itself.
    pub fn begin(&self) {
        self.memory(|memory| memory.slow = 0);
    }

    /// Whether signatures counted as wrong since then because there were too many slow ones.
    pub fn is_spent(&self) -> bool {
        self.memory(|memory| memory.slow > MOST_SLOW)
    }

    fn memory<T>(&self, f: impl FnOnce(&mut Memory) -> T) -> T {
        let [first, ..] = &self.0;
        f(&mut first.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether `key`, by what its SubjectPublicKeyInfo holds, has signed a revocation list: as `verify` says, which is asked once. Such a list may
    /// have megabytes.
    pub fn of_list(&self, list: &Crl, key: &[u8], verify: impl FnOnce() -> Option<bool>) -> Option<bool> {
        let digest = digest_of([&list.sha256, key, &[], &[]]);
        if let Some(known) = self.memory(|memory| memory.lists.get(&digest).copied()) {
            return known;
        }
        let result = verify();
        self.memory(|memory| {
            if memory.lists.len() >= LISTS {
                memory.lists.clear();
            }
            memory.lists.insert(digest, result);
        });
        result
    }

    /// Whether `key` has signed `message` so, by algorithms as they are encoded; it has not where it is of another kind. `None` where there
    /// is no algorithm here for both.
    pub fn verify(&self, key: &PublicKey<'_>, algorithm: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
        let fits = |a: &&Remembering| a.signature_alg_id().as_ref() == algorithm && a.public_key_alg_id().as_ref() == key.algorithm;
        match self.0.iter().find(fits) {
            Some(algorithm) => Some(algorithm.verify_signature(key.key, message, signature).is_ok()),
            None => (!key.may_sign_by(algorithm)).then_some(false),
        }
    }
}

impl Default for Algorithms {
    fn default() -> Self {
        let memory = Arc::default();
        let all = || ALGORITHMS.iter().map(|a| (*a, false)).chain(pure::ALGORITHMS.iter().map(|a| (*a, true)));
        Self(std::array::from_fn(|i| {
            let (algorithm, is_slow) = all().nth(i).unwrap_or((COMMONEST, false));
            Remembering { algorithm, is_slow, memory: Arc::clone(&memory) }
        }))
    }
}

/// An algorithm that asks first what the same signature came to before.
#[derive(Debug)]
struct Remembering {
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    /// It takes ten times as long as others or more.
    is_slow: bool,
    /// Of one worker, so that nobody ever waits for it; a lock only because algorithms have to be shareable.
    memory: Arc<Mutex<Memory>>,
}

/// What all of them share.
#[derive(Debug, Default)]
struct Memory {
    good: Digests,
    wrong: Digests,
    /// By a digest of list and key.
    lists: HashMap<[u8; 32], Option<bool>>,
    /// Slow ones that were to be verified since the chain at hand was begun.
    slow: u32,
}

impl SignatureVerificationAlgorithm for Remembering {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }

    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let id = self.algorithm.signature_alg_id();
        let digest = digest_of([id.as_ref(), public_key, signature, message]);
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_slow {
            // Known ones count too: what is said must not depend on what was seen before.
            memory.slow = memory.slow.saturating_add(1);
            if memory.slow > MOST_SLOW {
                return Err(InvalidSignature);
            }
        }
        if memory.good.contains(&digest) {
            return Ok(());
        }
        if memory.wrong.contains(&digest) {
            return Err(InvalidSignature);
        }
        let result = self.algorithm.verify_signature(public_key, message, signature);
        let known = if result.is_ok() { &mut memory.good } else { &mut memory.wrong };
        known.insert(digest);
        result
    }
}

/// SHA-256 over all that was verified: each at the place that its first bytes say, where a later one displaces it.
#[derive(Debug)]
struct Digests(Box<[[u8; 32]; REMEMBERED]>);

impl Digests {
    fn contains(&self, digest: &[u8; 32]) -> bool {
        self.0.get(Self::place(digest)) == Some(digest)
    }

    fn insert(&mut self, digest: [u8; 32]) {
        if let Some(place) = self.0.get_mut(Self::place(&digest)) {
            *place = digest;
        }
    }

    fn place(&[low, high, ..]: &[u8; 32]) -> usize {
        usize::from(u16::from_le_bytes([low, high])) % REMEMBERED
    }
}

impl Default for Digests {
    fn default() -> Self {
        Self(Box::new([[0; 32]; REMEMBERED]))
    }
}

fn digest_of(parts: [&[u8]; 4]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&part.len().to_le_bytes());
        context.update(part);
    }
    context.finish().as_ref().try_into().unwrap_or_default() // always fits
}

/// Slow signatures of one chain that are verified: a path of six certificates is tried up to five times.
const MOST_SLOW: u32 = 32;

/// How many good signatures are remembered, and how many wrong ones: 128 KiB of each.
const REMEMBERED: usize = 4_096;

/// How many signatures of revocation lists are remembered, good ones and others: peers may send any number of keys of an issuer's name.
const LISTS: usize = 1_024;

const COUNT: usize = ALGORITHMS.len() + pure::ALGORITHMS.len();

static COMMONEST: &dyn SignatureVerificationAlgorithm = &SHA256_WITH_RSA;

static ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 15] = [
    COMMONEST,
    strong::ECDSA_P256_SHA256,
    strong::ECDSA_P384_SHA384,
    strong::RSA_PKCS1_2048_8192_SHA384,
    &Rsa { id: alg_id::RSA_PKCS1_SHA512, parameters: &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY },
    &Rsa { id: SHA1_WITH_RSA, parameters: &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY },
    strong::ECDSA_P256_SHA384,
    strong::ECDSA_P384_SHA256,
    strong::ED25519,
    strong::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    strong::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    strong::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
    strong::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    strong::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    strong::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
];

/// Whether a signature by this algorithm and a key can be verified, if it is by that: ring has no RSA keys of fewer than
/// 1,024 or more than 8,192 bits, and for some algorithms none of fewer than 2,048.
pub(super) fn is_verifiable_by(signature_algorithm: &str, key: &Key) -> bool {
    let least = match signature_algorithm {
        "sha384WithRSAEncryption" | "rsassaPss" => 2_048,
        algorithm if algorithm.contains("RSA") => 1_024,
        _ => return true, // no RSA key makes it, whatever its size
    };
    key.typ != "RSA" || key.bits.is_some_and(|bits| (least..=8_192).contains(&bits))
}

/// RSA with PKCS #1 v1.5 padding, from 1,024 bits on.
#[derive(Debug)]
struct Rsa {
    id: AlgorithmIdentifier,
    parameters: &'static RsaParameters,
}

impl SignatureVerificationAlgorithm for Rsa {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.id
    }

    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        UnparsedPublicKey::new(self.parameters, public_key).verify(message, signature).map_err(|_| InvalidSignature)
    }
}

static SHA256_WITH_RSA: Rsa =
    Rsa { id: alg_id::RSA_PKCS1_SHA256, parameters: &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY };

/// sha1WithRSAEncryption (1.2.840.113549.1.1.5) with NULL as parameters (RFC 3279 §2.2.1).
const SHA1_WITH_RSA: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(&[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 0x05, 0]);
