//! What an answer of EC2 means for the caller's next move: its error codes, by class.
//!
//! Source: the EC2 API reference, "Error codes for the Amazon EC2 API". Codes are families with a dot (`InvalidInstanceID.NotFound`), so
//! that most are read by their ending, and only those that say otherwise by name.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use levelfield_provider::{FailureClass, LeftBehind, ProviderError};

/// The failure of `operation`.
pub(crate) fn failed<E>(operation: impl Into<String>, error: SdkError<E>) -> ProviderError
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let operation = operation.into();
    let answered = error.as_service_error().map(|refusal| (refusal.code(), refusal.message()));
    match answered {
        Some((Some(code), message)) => refused(operation, code, message.unwrap_or_default()),
        // An answer without a code is none of this API's: a page of HTML, or somebody between who cannot reach it.
        Some((None, _)) => {
            let status = error.raw_response().map_or(0, |response| response.status().as_u16());
            let class = if matches!(status, 502..=504) { FailureClass::Unavailable } else { FailureClass::Unexpected };
            ProviderError::new(operation, class, format!("HTTP {status} without an error code of EC2"))
                .leaving(LeftBehind::Unknown)
                .caused_by(error)
        }
        None => unanswered(operation, error),
    }
}

/// A refusal that says why.
pub(crate) fn refused(operation: String, code: &str, message: &str) -> ProviderError {
    let class = class(code);
    let words = match permission(message) {
        Some(permission) => format!(
            "{code}: {message}; the account's policy lacks {{\"Effect\": \"Allow\", \"Action\": \"{permission}\", \"Resource\": \"*\"}}"
        ),
        None => format!("{code}: {message}"),
    };
    let mut error = ProviderError::new(operation, class, words);
    error.culprit = quoted(message).map(str::to_owned);
    // A service that failed may have done what it was asked for all the same.
    if class == FailureClass::Unavailable { error.leaving(LeftBehind::Unknown) } else { error }
}

fn unanswered<E>(operation: String, error: SdkError<E>) -> ProviderError
where
    E: StdError + Send + Sync + 'static,
{
    let class = match &error {
        SdkError::TimeoutError(_) => FailureClass::Timeout,
        SdkError::ResponseError(_) => FailureClass::Unexpected,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => FailureClass::Timeout,
        _ if credentials_error(&error).is_some() => FailureClass::Unauthorized,
        SdkError::DispatchFailure(_) => FailureClass::Transport,
        // What could not even be put together was not sent.
        _ => FailureClass::Local,
    };
    // The outermost words say only that there was an error; those beneath say which.
    let words = DisplayErrorContext(&error).to_string();
    let words = words.split(" (").next().unwrap_or_default().to_owned();
    let left = if matches!(class, FailureClass::Local | FailureClass::Unauthorized) {
        LeftBehind::Nothing
    } else {
        LeftBehind::Unknown
    };
    ProviderError::new(operation, class, words).leaving(left).caused_by(error)
}

fn credentials_error<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e CredentialsError> {
    let mut beneath = Some(error);
    while let Some(error) = beneath {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        beneath = error.source();
    }
    None
}

/// Codes that their family does not tell.
const BY_NAME: [(&str, FailureClass); 44] = [
    ("RequestLimitExceeded", FailureClass::Throttled),
    ("Throttling", FailureClass::Throttled),
    ("ThrottlingException", FailureClass::Throttled),
    ("RequestThrottled", FailureClass::Throttled),
    ("SlowDown", FailureClass::Throttled),
    ("Client.RequestLimitExceeded", FailureClass::Throttled),
    ("EC2ThrottledException", FailureClass::Throttled),
    ("InternalError", FailureClass::Unavailable),
    ("InternalFailure", FailureClass::Unavailable),
    ("InternalServerError", FailureClass::Unavailable),
    ("ServiceUnavailable", FailureClass::Unavailable),
    ("Unavailable", FailureClass::Unavailable),
    ("RequestTimeout", FailureClass::Timeout),
    ("AuthFailure", FailureClass::Unauthorized),
    ("InvalidClientTokenId", FailureClass::Unauthorized),
    ("ExpiredToken", FailureClass::Unauthorized),
    ("RequestExpired", FailureClass::Unauthorized),
    ("ExpiredTokenException", FailureClass::Unauthorized),
    ("UnrecognizedClientException", FailureClass::Unauthorized),
    ("SignatureDoesNotMatch", FailureClass::Unauthorized),
    ("MissingAuthenticationToken", FailureClass::Unauthorized),
    ("UnauthorizedOperation", FailureClass::Forbidden),
    ("AccessDenied", FailureClass::Forbidden),
    ("AccessDeniedException", FailureClass::Forbidden),
    ("OptInRequired", FailureClass::Forbidden),
    ("Blocked", FailureClass::Forbidden),
    ("PendingVerification", FailureClass::Forbidden),
    ("OperationNotPermitted", FailureClass::Conflict),
    ("InsufficientInstanceCapacity", FailureClass::Capacity),
    ("InsufficientHostCapacity", FailureClass::Capacity),
    ("InsufficientAddressCapacity", FailureClass::Capacity),
    ("InsufficientFreeAddressesInSubnet", FailureClass::Capacity),
    ("InsufficientCapacity", FailureClass::Capacity),
    ("MaxSpotInstanceCountExceeded", FailureClass::Quota),
    ("ResourceCountExceeded", FailureClass::Quota),
    ("DependencyViolation", FailureClass::Conflict),
    ("IncorrectInstanceState", FailureClass::Conflict),
    ("IncorrectState", FailureClass::Conflict),
    ("VolumeInUse", FailureClass::Conflict),
    ("IdempotentParameterMismatch", FailureClass::Conflict),
    ("UnsupportedOperation", FailureClass::Unsupported),
    ("InvalidAction", FailureClass::Unsupported),
    ("NotImplemented", FailureClass::Unsupported),
    ("UnknownOperationException", FailureClass::Unsupported),
];

/// The class of an error code. One that nobody knows is a refusal: asking again gives the same answer.
pub(crate) fn class(code: &str) -> FailureClass {
    if let Some((_, class)) = BY_NAME.iter().find(|(known, _)| *known == code) {
        return *class;
    }
    let ending = code.rsplit('.').next().unwrap_or(code);
    match ending {
        "NotFound" => FailureClass::NotFound,
        "Duplicate" | "InUse" => FailureClass::Conflict,
        // `InstanceLimitExceeded`, `VcpuLimitExceeded`, `AddressLimitExceeded`, …
        _ if ending.ends_with("LimitExceeded") => FailureClass::Quota,
        _ => FailureClass::Invalid,
    }
}

/// What a refusal quotes, if it is one thing: `The instance ID 'i-0123456789abcdef0' does not exist`.
fn quoted(message: &str) -> Option<&str> {
    let mut parts = message.split('\'');
    let (_, quoted) = (parts.next()?, parts.next()?);
    let one = parts.next().is_some() && !quoted.is_empty() && !quoted.contains([' ', ',']);
    one.then_some(quoted)
}

/// The permission that a refusal names: `You are not authorized to perform: ec2:RunInstances on resource: …`.
pub(crate) fn permission(message: &str) -> Option<&str> {
    let (_, named) = message.split_once("not authorized to perform: ")?;
    let named = named.split([' ', ',', ';']).next()?.trim_end_matches('.');
    let known = named.split_once(':').is_some_and(|(service, action)| {
        !service.is_empty()
            && !action.is_empty()
            && named.chars().all(|c| c.is_ascii_alphanumeric() || ":-".contains(c))
    });
    known.then_some(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes as the EC2 API reference lists them.
    #[test]
    fn documented_codes_have_their_class() {
        use FailureClass::*;
        for (code, expected) in [
            ("InvalidInstanceID.NotFound", NotFound),
            ("InvalidAMIID.NotFound", NotFound),
            ("InvalidKeyPair.NotFound", NotFound),
            ("InvalidGroup.NotFound", NotFound),
            ("InvalidAllocationID.NotFound", NotFound),
            ("InvalidKeyPair.Duplicate", Conflict),
            ("InvalidGroup.Duplicate", Conflict),
            ("InvalidPermission.Duplicate", Conflict),
            ("InvalidGroup.InUse", Conflict),
            ("InvalidIPAddress.InUse", Conflict),
            ("DependencyViolation", Conflict),
            ("IncorrectInstanceState", Conflict),
            ("InvalidKey.Format", Invalid),
            ("InvalidParameterValue", Invalid),
            ("InvalidInstanceID.Malformed", Invalid),
            ("MissingParameter", Invalid),
            ("InstanceLimitExceeded", Quota),
            ("VcpuLimitExceeded", Quota),
            ("AddressLimitExceeded", Quota),
            ("RequestLimitExceeded", Throttled),
            ("InsufficientInstanceCapacity", Capacity),
            ("UnauthorizedOperation", Forbidden),
            ("AuthFailure", Unauthorized),
            ("RequestExpired", Unauthorized),
            ("Unsupported", Invalid),
            ("UnsupportedOperation", Unsupported),
            ("InternalError", Unavailable),
            ("SomethingNew", Invalid),
        ] {
            assert_eq!(class(code), expected, "{code}");
        }
    }

    #[test]
    fn what_is_quoted_is_the_culprit() {
        for (message, culprit) in [
            ("The instance ID 'i-0123456789abcdef0' does not exist", Some("i-0123456789abcdef0")),
            ("The instance IDs 'i-1, i-2' do not exist", None),
            ("The image id '[ami-1]' does not exist", Some("[ami-1]")),
            ("it's wrong", None),
            ("", None),
        ] {
            let error = refused("read".to_owned(), "InvalidInstanceID.NotFound", message);
            assert_eq!(error.culprit.as_deref(), culprit, "{message}");
        }
    }

    #[test]
    fn the_missing_permission_is_a_line_of_a_policy() {
        let message =
            "You are not authorized to perform: ec2:RunInstances on resource: arn:aws:ec2:us-east-1:1:subnet/s";
        let error = refused("create node \"a\"".to_owned(), "UnauthorizedOperation", message);
        assert_eq!(error.class, FailureClass::Forbidden);
        assert!(error.message.contains(r#"{"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}"#));
        for (message, named) in [
            ("You are not authorized to perform this operation.", None),
            (
                "User: arn:aws:iam::1:user/a is not authorized to perform: ec2:DescribeImages",
                Some("ec2:DescribeImages"),
            ),
            ("not authorized to perform: \"; Deny", None),
        ] {
            assert_eq!(permission(message), named, "{message}");
        }
    }
}
