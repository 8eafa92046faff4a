use std::error::Error;
use std::time::Duration;

use tago_api::client::{ApiError, Delivery, Refusal};

use crate::ports::{PortError, WriteError};

impl From<ApiError> for PortError {
    fn from(error: ApiError) -> PortError {
        let message = chain(&error);
        match &error {
            ApiError::Refused { refusal, .. } => refused(refusal, message),
            ApiError::Connect { .. } | ApiError::Interrupted { .. } => PortError::Unreachable { message },
            ApiError::OtherAddress { .. } | ApiError::Token(_) => PortError::Auth { message },
            ApiError::Setup(_) | ApiError::Encode { .. } => PortError::Refused { message },
            ApiError::Redirected { .. } | ApiError::TooLarge { .. } | ApiError::Undecodable { .. } => {
                PortError::Undecodable { message }
            }
        }
    }
}

impl From<ApiError> for WriteError {
    fn from(error: ApiError) -> WriteError {
        match error.delivery() {
            Delivery::NotReceived => WriteError::NotReceived(error.into()),
            Delivery::Ambiguous | Delivery::Acknowledged => WriteError::Ambiguous(error.into()),
        }
    }
}

fn refused(refusal: &Refusal, message: String) -> PortError {
    match refusal.status {
        401 | 403 => PortError::Auth { message },
        404 => PortError::NotFound { message },
        402 => PortError::Quota { message },
        429 => PortError::RateLimited { retry_after: refusal.retry_after.unwrap_or(LONGEST_LIMIT) },
        408 | 500.. => PortError::Unreachable { message },
        _ if refusal.message.contains("exceeded the maximum limit") => PortError::Quota { message },
        _ => PortError::Refused { message },
    }
}

/// Limits are counted by the calendar minute.
const LONGEST_LIMIT: Duration = Duration::from_secs(60);

fn chain(error: &ApiError) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, message: &str) -> WriteError {
        let refusal = Refusal {
            status,
            code: None,
            message: message.into(),
            details: None,
            retry_after: (status == 429).then_some(Duration::from_secs(8)),
        };
        let origin = "https://api.tago.io".into();
        ApiError::Refused { route: "POST /data", origin, refusal: Box::new(refusal) }.into()
    }

    #[test]
    fn what_is_known_about_a_write_is_handed_on() {
        assert!(matches!(
            answered(401, "Authorization Denied"),
            WriteError::NotReceived(PortError::Auth { .. })
        ));
        assert!(matches!(
            answered(404, "Device not found"),
            WriteError::NotReceived(PortError::NotFound { .. })
        ));
        assert!(matches!(answered(402, "No more data"), WriteError::NotReceived(PortError::Quota { .. })));
        assert!(matches!(
            answered(400, "You have exceeded the maximum limit of data (50000)."),
            WriteError::NotReceived(PortError::Quota { .. })
        ));
        assert!(matches!(
            answered(400, "Invalid variable"),
            WriteError::NotReceived(PortError::Refused { .. })
        ));
        assert_eq!(
            answered(429, "Too many requests (Retry-After: 8)"),
            WriteError::NotReceived(PortError::RateLimited { retry_after: Duration::from_secs(8) })
        );
        for status in [408, 500, 502, 503] {
            let error = answered(status, "?");
            assert!(matches!(error, WriteError::Ambiguous(PortError::Unreachable { .. })), "{error:?}");
        }
        assert!(matches!(answered(200, "no"), WriteError::Ambiguous(PortError::Refused { .. })));
    }
}
