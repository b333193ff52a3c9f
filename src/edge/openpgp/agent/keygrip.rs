//! Keygrips: the names of keys in gpg-agent, a SHA-1 over the public numbers (libgcrypt,
//! `gcry_pk_get_keygrip`).
//!
//! Hostile data: none; the keys are the team's. Failure: None for kinds of key that we cannot name.
//! Known gap: neither DSA nor Elgamal, which the policy refuses anyway, nor keys of RFC 9580's own
//! kinds, which GnuPG does not hold.

use openpgp::crypto::mpi::PublicKey;
use openpgp::types::Curve;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use sequoia_openpgp as openpgp;

/// The keygrip of a public key, in capital hex.
pub fn keygrip(key: &PublicKey) -> Option<String> {
    let hashed = match key {
        // As a signed number: a zero in front of a high bit.
        PublicKey::RSA { n, .. } => match n.value() {
            value @ [0x80..=0xff, ..] => [&[0], value].concat(),
            value => value.to_vec(),
        },
        PublicKey::ECDH { curve, q, .. } | PublicKey::ECDSA { curve, q } | PublicKey::EdDSA { curve, q } => {
            of_curve(curve, q.value())?
        }
        _ => return None,
    };
    Some(openssl::sha::sha1(&hashed).iter().map(|octet| format!("{octet:02X}")).collect())
}

/// The numbers of the curve and the point, each as `(1:p32:...)`.
fn of_curve(curve: &Curve, point: &[u8]) -> Option<Vec<u8>> {
    let (numbers, point) = match curve {
        // The point goes without the octet that marks its form.
        Curve::Cv25519 | Curve::Ed25519 => (edwards(curve)?, point.strip_prefix(&[0x40])?),
        Curve::NistP256 => (weierstrass(Nid::X9_62_PRIME256V1).ok()?, point),
        Curve::NistP384 => (weierstrass(Nid::SECP384R1).ok()?, point),
        Curve::NistP521 => (weierstrass(Nid::SECP521R1).ok()?, point),
        Curve::BrainpoolP256 => (weierstrass(Nid::BRAINPOOL_P256R1).ok()?, point),
        Curve::BrainpoolP384 => (weierstrass(Nid::BRAINPOOL_P384R1).ok()?, point),
        Curve::BrainpoolP512 => (weierstrass(Nid::BRAINPOOL_P512R1).ok()?, point),
        _ => return None,
    };
    let mut hashed = Vec::new();
    for (name, number) in ["p", "a", "b", "g", "n", "q"].iter().zip(numbers.iter().map(Vec::as_slice).chain([point])) {
        hashed.extend_from_slice(format!("(1:{name}{}:", number.len()).as_bytes());
        hashed.extend_from_slice(number);
        hashed.push(b')');
    }
    Some(hashed)
}

/// p, a, b, the generator and its order, as libgcrypt has them in its table of curves.
fn weierstrass(curve: Nid) -> Result<[Vec<u8>; 5], ErrorStack> {
    let group = EcGroup::from_curve_name(curve)?;
    let mut context = BigNumContext::new()?;
    let (mut p, mut a, mut b, mut n) = (BigNum::new()?, BigNum::new()?, BigNum::new()?, BigNum::new()?);
    group.components_gfp(&mut p, &mut a, &mut b, &mut context)?;
    group.order(&mut n, &mut context)?;
    let Some(generator) = group.generator_opt() else { return Err(ErrorStack::get()) };
    let g = generator.to_bytes(&group, PointConversionForm::UNCOMPRESSED, &mut context)?;
    Ok([p.to_vec(), a.to_vec(), b.to_vec(), g, n.to_vec()])
}

/// The same for the two that OpenSSL does not describe so; libgcrypt drops the sign of a and b.
fn edwards(curve: &Curve) -> Option<[Vec<u8>; 5]> {
    const P: &str = "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFED";
    const N: &str = "1000000000000000000000000000000014DEF9DEA2F79CD65812631A5CF5D3ED";
    let numbers = match curve {
        Curve::Ed25519 => [
            P,
            "01",
            "2DFC9311D490018C7338BF8688861767FF8FF5B2BEBE27548A14B235ECA6874A",
            "04216936D3CD6E53FEC0A4E231FDD6DC5C692CC7609525A7B2C9562D608F25D51A\
             6666666666666666666666666666666666666666666666666666666666666658",
            N,
        ],
        _ => [
            P,
            "01DB41",
            "01",
            "040000000000000000000000000000000000000000000000000000000000000009\
             20AE19A1B8A086B4E01EDD2C7748D14C923D4D7E6D7C61B229E9C5A27ECED3D9",
            N,
        ],
    };
    let octets = numbers.map(openpgp::fmt::hex::decode);
    octets.into_iter().collect::<Result<Vec<_>, _>>().ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use openpgp::crypto::mpi::MPI;
    use openpgp::types::{HashAlgorithm, SymmetricAlgorithm};

    /// As GnuPG 2.2 shows them (`gpg --with-keygrip --with-key-data`).
    #[test]
    fn curves_have_the_keygrips_that_gnupg_gives_them() {
        let ecdh =
            |curve, q| PublicKey::ECDH { curve, q, hash: HashAlgorithm::SHA256, sym: SymmetricAlgorithm::AES128 };
        let eddsa = |curve, q| PublicKey::EdDSA { curve, q };
        let point = |hex: &str| MPI::new(&openpgp::fmt::hex::decode(hex).unwrap());
        let table = [
            (
                eddsa(Curve::Ed25519, point("40A7BA45C9DABD6569C5702E68CC530636241327F3385D158E512F1FDC5297DA69")),
                "D7E63A5FFE5172537CBB45057E7B8761BAC38CAD",
            ),
            (
                ecdh(Curve::Cv25519, point("40C55B9EA47A18F67D86A60176AB4D4AF8577C7D21A7417EAC8011288399862374")),
                "9DDDC2DFFA6332CD63E9F812A2FFC7B3722416F5",
            ),
            (
                ecdh(
                    Curve::NistP256,
                    point(
                        "043D25CE10383B176A88307A9AC947954B2B3F2A06159D7DB1C367440CA001BBE1\
                         3BDC8955413B95EADE864D435D55FC6ECA4E82EB7A87197498157D8AF78A38FF",
                    ),
                ),
                "E87E89BC52E44B88C7229976C8A61C1906435DE7",
            ),
        ];
        for (key, grip) in table {
            assert_eq!(keygrip(&key).as_deref(), Some(grip));
        }
        assert_eq!(keygrip(&eddsa(Curve::Unknown(Box::new([1])), point("40A7"))), None);
        assert_eq!(keygrip(&eddsa(Curve::Ed25519, point("04A7"))), None, "not in the form of this curve");
    }
}
