//! Every error that rustls has gets an answer, which is for people.

use hubward::pki_types::{ServerName, alg_id};
use hubward::tls::rustls::{
    AlertDescription, CertRevocationListError, CertificateError, ContentType,
    EncryptedClientHelloError, Error, ExtendedKeyPurpose, HandshakeType, InconsistentKeys,
    InvalidMessage, PeerIncompatible, PeerMisbehaved,
};

use crate::{moment, other, say};

/// Whether each of them gets this code, in words.
fn all(expected: &str, errors: impl IntoIterator<Item = impl Into<Error>>) {
    for error in errors {
        let error = error.into();
        let said = say(&error, None);
        assert_eq!(said.fault().code(), expected, "{error:?}");
        let shown = said.to_string();
        for noise in ["OtherError", "Context", "{", "}"] {
            assert!(!shown.contains(noise), "{shown}");
        }
    }
}

#[test]
fn errors_of_rustls() {
    all("clock-unknown", [Error::FailedToGetCurrentTime]);
    all("bad-server-certificate", [Error::NoCertificatesPresented]);
    all("no-protocol", [Error::NoApplicationProtocol]);
    all(
        "protocol",
        [
            Error::InappropriateMessage {
                expect_types: vec![ContentType::Handshake, ContentType::Alert],
                got_type: ContentType::ApplicationData,
            },
            Error::InappropriateHandshakeMessage {
                expect_types: vec![HandshakeType::ServerHello],
                got_type: HandshakeType::Finished,
            },
            Error::InvalidEncryptedClientHello(EncryptedClientHelloError::InvalidConfigList),
            Error::InvalidEncryptedClientHello(EncryptedClientHelloError::NoCompatibleConfig),
            Error::InvalidEncryptedClientHello(EncryptedClientHelloError::SniRequired),
            Error::UnsupportedNameType,
            Error::DecryptError,
            Error::EncryptError,
            Error::General("anything".into()),
            Error::FailedToGetRandomBytes,
            Error::HandshakeNotComplete,
            Error::PeerSentOversizedRecord,
            Error::BadMaxFragmentSize,
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
            Error::InconsistentKeys(InconsistentKeys::Unknown),
            Error::Other(other(std::fmt::Error)),
        ],
    );
}

#[test]
fn messages() {
    let plain_text = [
        InvalidMessage::InvalidContentType,
        InvalidMessage::UnknownProtocolVersion,
        InvalidMessage::InvalidEmptyPayload,
        InvalidMessage::MessageTooLarge,
    ];
    all("plain-text", plain_text);
    let others = [
        InvalidMessage::CertificatePayloadTooLarge,
        InvalidMessage::HandshakePayloadTooLarge,
        InvalidMessage::InvalidCcs,
        InvalidMessage::InvalidCertificateStatusType,
        InvalidMessage::InvalidCertRequest,
        InvalidMessage::InvalidDhParams,
        InvalidMessage::InvalidKeyUpdate,
        InvalidMessage::InvalidServerName,
        InvalidMessage::MessageTooShort,
        InvalidMessage::MissingData("anything"),
        InvalidMessage::MissingKeyExchange,
        InvalidMessage::NoSignatureSchemes,
        InvalidMessage::TrailingData("anything"),
        InvalidMessage::UnexpectedMessage("anything"),
        InvalidMessage::UnsupportedCompression,
        InvalidMessage::UnsupportedCurveType,
        InvalidMessage::EmptyTicketValue,
        InvalidMessage::IllegalEmptyList("anything"),
        InvalidMessage::IllegalEmptyValue,
        InvalidMessage::DuplicateExtension(7),
        InvalidMessage::PreSharedKeyIsNotFinalExtension,
        InvalidMessage::UnknownHelloRetryRequestExtension,
        InvalidMessage::UnknownCertificateExtension,
    ];
    all("protocol", others);
}

#[test]
fn peers() {
    let version = [
        PeerIncompatible::ServerDoesNotSupportTls12Or13,
        PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        PeerIncompatible::SupportedVersionsExtensionRequired,
        PeerIncompatible::Tls12NotOffered,
        PeerIncompatible::Tls12NotOfferedOrEnabled,
    ];
    all("version-refused", version);
    let suite = [
        PeerIncompatible::ExtendedMasterSecretExtensionRequired,
        PeerIncompatible::NamedGroupsExtensionRequired,
        PeerIncompatible::NoCipherSuitesInCommon,
        PeerIncompatible::NoEcPointFormatsInCommon,
        PeerIncompatible::NoKxGroupsInCommon,
        PeerIncompatible::NoSignatureSchemesInCommon,
    ];
    all("suite-refused", suite);
    let certificate = [PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon];
    all("client-certificate-required", certificate);
    let others = [
        PeerIncompatible::EcPointsExtensionRequired,
        PeerIncompatible::IncorrectCertificateTypeExtension,
        PeerIncompatible::KeyShareExtensionRequired,
        PeerIncompatible::NullCompressionRequired,
        PeerIncompatible::ServerRejectedEncryptedClientHello(None),
        PeerIncompatible::ServerSentHelloRetryRequestWithUnknownExtension,
        PeerIncompatible::SignatureAlgorithmsExtensionRequired,
        PeerIncompatible::Tls13RequiredForQuic,
        PeerIncompatible::UncompressedEcPointsRequired,
        PeerIncompatible::UnsolicitedCertificateTypeExtension,
    ];
    all("protocol", others);

    let suite = [
        PeerMisbehaved::SelectedUnofferedCipherSuite,
        PeerMisbehaved::SelectedUnofferedKxGroup,
        PeerMisbehaved::SelectedUnusableCipherSuiteForVersion,
    ];
    all("suite-refused", suite);
    let others = [
        PeerMisbehaved::AttemptedDowngradeToTls12WhenTls13IsSupported,
        PeerMisbehaved::BadCertChainExtensions,
        PeerMisbehaved::CipherSuiteDifferedOnRetry,
        PeerMisbehaved::DisallowedEncryptedExtension,
        PeerMisbehaved::DuplicateClientHelloExtensions,
        PeerMisbehaved::DuplicateEncryptedExtensions,
        PeerMisbehaved::DuplicateHelloRetryRequestExtensions,
        PeerMisbehaved::DuplicateNewSessionTicketExtensions,
        PeerMisbehaved::DuplicateServerHelloExtensions,
        PeerMisbehaved::DuplicateServerNameTypes,
        PeerMisbehaved::EarlyDataAttemptedInSecondClientHello,
        PeerMisbehaved::EarlyDataExtensionWithoutResumption,
        PeerMisbehaved::EarlyDataOfferedWithVariedCipherSuite,
        PeerMisbehaved::EchAcceptanceVariedAfterRetry,
        PeerMisbehaved::HandshakeHashVariedAfterRetry,
        PeerMisbehaved::IllegalHelloRetryRequestWithEmptyCookie,
        PeerMisbehaved::IllegalHelloRetryRequestWithNoChanges,
        PeerMisbehaved::IllegalHelloRetryRequestWithOfferedGroup,
        PeerMisbehaved::IllegalHelloRetryRequestWithUnofferedCipherSuite,
        PeerMisbehaved::IllegalHelloRetryRequestWithUnofferedNamedGroup,
        PeerMisbehaved::IllegalHelloRetryRequestWithUnsupportedVersion,
        PeerMisbehaved::IllegalHelloRetryRequestWithWrongSessionId,
        PeerMisbehaved::IllegalHelloRetryRequestWithInvalidEch,
        PeerMisbehaved::IllegalMiddleboxChangeCipherSpec,
        PeerMisbehaved::IllegalTlsInnerPlaintext,
        PeerMisbehaved::IncorrectBinder,
        PeerMisbehaved::InvalidCertCompression,
        PeerMisbehaved::InvalidMaxEarlyDataSize,
        PeerMisbehaved::InvalidKeyShare,
        PeerMisbehaved::KeyEpochWithPendingFragment,
        PeerMisbehaved::KeyUpdateReceivedInQuicConnection,
        PeerMisbehaved::MessageInterleavedWithHandshakeMessage,
        PeerMisbehaved::MissingBinderInPskExtension,
        PeerMisbehaved::MissingKeyShare,
        PeerMisbehaved::MissingPskExtensionInSecondClientHello,
        PeerMisbehaved::MissingPskModesExtension,
        PeerMisbehaved::MissingQuicTransportParameters,
        PeerMisbehaved::OfferedDuplicateCertificateCompressions,
        PeerMisbehaved::OfferedDuplicateKeyShares,
        PeerMisbehaved::OfferedEarlyDataWithOldProtocolVersion,
        PeerMisbehaved::OfferedEmptyApplicationProtocol,
        PeerMisbehaved::OfferedIncorrectCompressions,
        PeerMisbehaved::PskExtensionMustBeLast,
        PeerMisbehaved::PskExtensionWithMismatchedIdsAndBinders,
        PeerMisbehaved::RefusedToFollowHelloRetryRequest,
        PeerMisbehaved::RejectedEarlyDataInterleavedWithHandshakeMessage,
        PeerMisbehaved::ResumptionAttemptedWithVariedEms,
        PeerMisbehaved::ResumptionOfferedWithVariedCipherSuite,
        PeerMisbehaved::ResumptionOfferedWithVariedEms,
        PeerMisbehaved::ResumptionOfferedWithIncompatibleCipherSuite,
        PeerMisbehaved::SelectedDifferentCipherSuiteAfterRetry,
        PeerMisbehaved::SelectedInvalidPsk,
        PeerMisbehaved::SelectedTls12UsingTls13VersionExtension,
        PeerMisbehaved::SelectedUnofferedApplicationProtocol,
        PeerMisbehaved::SelectedUnofferedCertCompression,
        PeerMisbehaved::SelectedUnofferedCompression,
        PeerMisbehaved::SelectedUnofferedPsk,
        PeerMisbehaved::ServerEchoedCompatibilitySessionId,
        PeerMisbehaved::ServerHelloMustOfferUncompressedEcPoints,
        PeerMisbehaved::ServerNameDifferedOnRetry,
        PeerMisbehaved::ServerNameMustContainOneHostName,
        PeerMisbehaved::SignedKxWithWrongAlgorithm,
        PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme,
        PeerMisbehaved::TooManyEmptyFragments,
        PeerMisbehaved::TooManyKeyUpdateRequests,
        PeerMisbehaved::TooManyRenegotiationRequests,
        PeerMisbehaved::TooManyWarningAlertsReceived,
        PeerMisbehaved::TooMuchEarlyDataReceived,
        PeerMisbehaved::UnexpectedCleartextExtension,
        PeerMisbehaved::UnsolicitedCertExtension,
        PeerMisbehaved::UnsolicitedEncryptedExtension,
        PeerMisbehaved::UnsolicitedSctList,
        PeerMisbehaved::UnsolicitedServerHelloExtension,
        PeerMisbehaved::WrongGroupForKeyShare,
        PeerMisbehaved::UnsolicitedEchExtension,
    ];
    all("protocol", others);
}

#[test]
fn alerts() {
    for alert in (0..=u8::MAX).map(AlertDescription::from) {
        let expected = match alert {
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                "suite-refused"
            }
            AlertDescription::NoCertificate | AlertDescription::CertificateRequired => {
                "client-certificate-required"
            }
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied => "client-certificate-refused",
            AlertDescription::ProtocolVersion => "version-refused",
            AlertDescription::UnrecognisedName => "name-refused",
            AlertDescription::NoApplicationProtocol => "no-protocol",
            _ => "protocol",
        };
        all(expected, [Error::AlertReceived(alert)]);
    }
}

#[test]
#[expect(deprecated, reason = "a verifier may still answer so")]
fn certificates() {
    use CertificateError as Why;

    let (early, late) = (moment(1_700_000_000), moment(1_800_000_000));
    all("expired", [Why::ExpiredContext { time: late, not_after: early }]);
    all("clock-behind", [Why::NotValidYetContext { time: early, not_before: late }]);
    all("unknown-issuer", [Why::UnknownIssuer]);
    all(
        "name-mismatch",
        [Why::NotValidForNameContext {
            expected: ServerName::try_from("contoso.azure-devices.net").unwrap(),
            presented: Vec::new(),
        }],
    );
    all(
        "revoked",
        [
            Why::Revoked,
            Why::UnknownRevocationStatus,
            Why::ExpiredRevocationList,
            Why::ExpiredRevocationListContext { time: late, next_update: early },
        ],
    );
    all(
        "bad-server-certificate",
        [
            Why::BadEncoding,
            Why::BadSignature,
            Why::UnhandledCriticalExtension,
            Why::UnsupportedSignatureAlgorithm,
            Why::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: vec![7],
                supported_algorithms: vec![alg_id::ED25519],
            },
            Why::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: vec![7],
                public_key_algorithm_id: vec![7],
            },
            Why::InvalidPurpose,
            Why::InvalidPurposeContext {
                required: ExtendedKeyPurpose::ServerAuth,
                presented: vec![ExtendedKeyPurpose::ClientAuth],
            },
            Why::InvalidOcspResponse,
            Why::ApplicationVerificationFailure,
            Why::Other(other(std::fmt::Error)),
            // Without what rustls itself adds.
            Why::Expired,
            Why::NotValidYet,
            Why::NotValidForName,
        ],
    );
}

#[test]
#[expect(deprecated, reason = "rustls may still answer so")]
fn revocation_lists() {
    use CertRevocationListError as Why;

    all(
        "revoked",
        [
            Why::BadSignature,
            Why::UnsupportedSignatureAlgorithm,
            Why::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id: vec![7],
                supported_algorithms: vec![alg_id::ED25519],
            },
            Why::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: vec![7],
                public_key_algorithm_id: vec![7],
            },
            Why::InvalidCrlNumber,
            Why::InvalidRevokedCertSerialNumber,
            Why::IssuerInvalidForCrl,
            Why::Other(other(std::fmt::Error)),
            Why::ParseError,
            Why::UnsupportedCrlVersion,
            Why::UnsupportedCriticalExtension,
            Why::UnsupportedDeltaCrl,
            Why::UnsupportedIndirectCrl,
            Why::UnsupportedRevocationReason,
        ],
    );
}
