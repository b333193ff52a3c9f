//! TLS towards IMAP and SMTP servers: one policy for both.
//!
//! Trusted are the machine's own authorities and those of the configured `ca_file`; names and
//! dates are always checked. There is no way to ignore a certificate.
//! Hostile data: certificates and whatever answers on the port. Failure: words for the operator.

use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A client configuration that trusts the machine's authorities and those in `ca_file` (PEM).
/// Fails on a `ca_file` without a usable certificate, and where nothing at all is trusted.
pub fn client_config(ca_file: Option<&[u8]>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(pem) = ca_file {
        let mut own = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| "the CA file is not in PEM format")?;
            roots.add(certificate).map_err(|_| "the CA file holds a certificate that cannot be used")?;
            own += 1;
        }
        if own == 0 {
            return Err("the CA file holds no certificate (PEM, -----BEGIN CERTIFICATE-----)".to_owned());
        }
    }
    if roots.is_empty() {
        return Err("no certificate authority is known: install ca-certificates or set ca_file".to_owned());
    }
    // Named here, since a second provider in the build would make the implicit choice panic.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS is not available: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Speaks TLS over `stream` with the server that calls itself `host`. The caller limits the time.
pub async fn connect<S>(config: Arc<ClientConfig>, host: &str, stream: S) -> Result<TlsStream<S>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("{host} is no name that TLS can check"))?;
    TlsConnector::from(config).connect(name, stream).await.map_err(|error| words(host, &error))
}

fn words(host: &str, error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => {
            format!("the TLS certificate of {host} is not accepted ({why}); if it is your own authority's, set ca_file")
        }
        Some(why) => format!("no TLS with {host}: {why}; check port and tls"),
        None => format!("no TLS with {host}: {}; check port and tls", error.kind()),
    }
}

/// Whether `host` can only be this machine: the name `localhost` or a loopback address.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for yes in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in ["", "localhost.example.org", "127.0.0.1.example.org", "0.0.0.0", "10.0.0.1", "::", "127.1"] {
            assert!(!is_loopback(no), "{no}");
        }
    }

    #[test]
    fn a_ca_file_without_a_certificate_is_refused() {
        for bad in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(client_config(Some(bad.as_bytes())).is_err(), "{bad:?}");
        }
    }
}
