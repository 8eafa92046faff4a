use tago_api::client::{Address, Api, ApiError, Console, NewDeviceToken, Permission, Settings};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::{TOKEN, api, credential};

#[tokio::test]
async fn a_token_goes_only_to_the_address_it_was_stored_for() {
    let other = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).expect(0).mount(&other).await;
    let (_, credential) = credential("https://api.us-e1.tago.io");
    let address: Address = other.uri().parse().unwrap();
    let refused = Api::new(&address, credential.clone(), Settings::default()).err().unwrap();
    assert!(matches!(refused, ApiError::OtherAddress { .. }), "{refused:?}");
    assert!(matches!(
        Console::new(&address, credential, Settings::default()),
        Err(ApiError::OtherAddress { .. })
    ));
}

#[tokio::test]
async fn a_pointer_to_another_address_is_not_followed() {
    let other = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).expect(0).mount(&other).await;
    for status in [301, 302, 303, 307, 308] {
        let server = MockServer::start().await;
        let location = format!("{}/info", other.uri());
        let answer = ResponseTemplate::new(status).insert_header("Location", location);
        Mock::given(any()).respond_with(answer).expect(1).mount(&server).await;
        let error = api(&server).info().await.unwrap_err();
        assert!(matches!(error, ApiError::Redirected { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn no_error_shows_the_token_even_if_the_platform_repeats_it() {
    for (status, body) in [
        (401, format!(r#"{{"status":false,"message":"Token {TOKEN} is invalid"}}"#)),
        (403, format!(r#"{{"error":"No rights for {TOKEN}","code":"FORBIDDEN","details":null}}"#)),
        (200, format!(r#"{{"status":true,"result":{{"id":7,"token":"{TOKEN}"}}}}"#)),
        (200, format!(r#"{{"status":false,"result":"{TOKEN}"}}"#)),
        (500, TOKEN.to_owned()),
    ] {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(status).set_body_string(body))
            .mount(&server)
            .await;
        let error = api(&server).info().await.unwrap_err();
        let mut text = format!("{error} {error:?}");
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text += &format!("{error} {error:?}");
            cause = error.source();
        }
        assert!(!text.contains(TOKEN), "{text}");
    }
}

/// Another version of the platform may answer with the new token where this one has an object.
#[tokio::test]
async fn no_error_shows_a_token_that_was_just_made() {
    const MADE: &str = "a secret of an unknown shape";
    for body in [
        format!(r#"{{"status":true,"result":"{MADE}"}}"#),
        format!(r#"{{"status":true,"result":{{"token":"x","permission":"{MADE}"}}}}"#),
        format!(r#"{{"status":"{MADE}","result":null}}"#),
    ] {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(ResponseTemplate::new(200).set_body_string(body))
            .mount(&server)
            .await;
        let new = NewDeviceToken {
            device: "5f2a8e3b9c1d4e0011223344".parse().unwrap(),
            name: "n".into(),
            permission: Permission::Full,
            serie_number: None,
        };
        let error = api(&server).create_device_token(&new).await.unwrap_err();
        assert!(matches!(error, ApiError::Undecodable { .. }), "{error:?}");
        let mut text = format!("{error} {error:?}");
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text += &format!("{error} {error:?}");
            cause = error.source();
        }
        assert!(!text.contains(MADE), "{text}");
        assert!(text.contains("expected"), "{text}");
    }
}

#[tokio::test]
async fn a_token_in_a_path_stays_out_of_the_error() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(404)).mount(&server).await;
    let error = api(&server).delete_device_token(&TOKEN.into()).await.unwrap_err();
    assert!(error.is_not_found());
    assert!(!format!("{error} {error:?}").contains(TOKEN));
    drop(server);
}
