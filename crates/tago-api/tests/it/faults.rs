use std::time::{Duration, Instant};

use tago_api::client::{Api, ApiError, Delivery, DeviceQuery, Retries, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::{TOKEN, credential};

const ADDED: &str = r#"{"status":true,"result":"1 Data Added"}"#;
const INFO: &str = r#"{"status":true,"result":{"id":"5f2a8e3b9c1d4e0011223344","name":"Default"}}"#;
const TOO_MANY: &str = r#"{"status":false,"message":"Too many requests (Retry-After: 1)"}"#;

fn patient(address: &str) -> Api {
    let retries =
        Retries { count: 3, first_wait: Duration::from_millis(5), longest_wait: Duration::from_secs(2) };
    let (address, credential) = credential(address);
    Api::new(&address, credential, Settings { retries, ..Settings::default() }).unwrap()
}

#[tokio::test]
async fn a_read_is_repeated_and_a_write_never() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(2)
        .expect(2)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_string(INFO))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(503)).expect(1).mount(&server).await;
    let api = patient(&server.uri());
    assert_eq!(api.info().await.unwrap().name.as_deref(), Some("Default"));
    let error = api.as_device(&"t".into()).unwrap().write(&[]).await.unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(error.delivery(), Delivery::Ambiguous);
}

#[tokio::test]
async fn the_asked_wait_is_kept_and_one_too_long_is_handed_on() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(429).set_body_string(TOO_MANY))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_string(INFO))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(429).insert_header("Retry-After", "30").set_body_string(TOO_MANY))
        .expect(1)
        .mount(&server)
        .await;
    let api = patient(&server.uri());
    let begun = Instant::now();
    api.info().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let error = api.info().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)), "the header goes before the message");
}

#[tokio::test]
async fn without_a_stated_wait_the_rest_of_the_servers_minute_is_waited() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(429).insert_header("Date", "Sun, 22 Nov 2026 12:45:09 GMT");
    Mock::given(method("GET")).respond_with(answer).mount(&server).await;
    let error = patient(&server.uri()).info().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(51)));
}

#[tokio::test]
async fn no_answer_makes_anybody_wait_for_ever() {
    for (header, message) in
        [("18446744073709551615", "Slow down"), ("soon", "(Retry-After: 18446744073709551615)")]
    {
        let server = MockServer::start().await;
        let body = format!(r#"{{"status":false,"message":"{message}"}}"#);
        let answer = ResponseTemplate::new(429).insert_header("Retry-After", header).set_body_string(body);
        Mock::given(method("GET")).respond_with(answer).mount(&server).await;
        let error = patient(&server.uri()).info().await.unwrap_err();
        assert_eq!(error.retry_after(), Some(Duration::from_secs(3_600)), "{header}");
    }
}

#[tokio::test]
async fn nobody_there_means_not_received() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = write(&address).await.unwrap_err();
    assert!(matches!(error, ApiError::Connect { .. }), "{error:?}");
    assert_eq!(error.delivery(), Delivery::NotReceived);
    assert!(error.to_string().starts_with("nobody answers at http://127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn every_broken_answer_to_a_write_is_ambiguous() {
    let length = ADDED.len();
    for (what, answer) in [
        ("closed without a word", String::new()),
        ("cut in the head", "HTTP/1.1 200 O".into()),
        ("cut in the body", format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{{\"status\":tr")),
        ("a page of a proxy", "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>".into()),
        (
            "another answer",
            "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{\"status\":true,\"result\":\"\"}".into(),
        ),
        ("a redirect", "HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".into()),
        ("a gateway's timeout", "HTTP/1.1 504 X\r\nContent-Length: 0\r\n\r\n".into()),
        ("no http", "SSH-2.0-OpenSSH_9.2\r\n".into()),
    ] {
        let error = write(&listen(answer).await).await.unwrap_err();
        assert_eq!(error.delivery(), Delivery::Ambiguous, "{what}: {error:?}");
    }
    let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{ADDED}");
    assert_eq!(write(&listen(whole).await).await.unwrap(), 1);
}

#[tokio::test]
async fn a_silent_platform_is_left_after_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, credential) = credential(&format!("http://{}", listener.local_addr().unwrap()));
    let settings =
        Settings { read_timeout: Duration::from_millis(50), ..Settings::default().without_retries() };
    let device = Api::new(&address, credential, settings).unwrap().as_device(&"t".into()).unwrap();
    let error = device.write(&[]).await.unwrap_err();
    assert_eq!(error.delivery(), Delivery::Ambiguous);
    assert!(error.is_retryable());
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_string("x".repeat(5_000)))
        .mount(&server)
        .await;
    let (address, credential) = credential(&server.uri());
    let settings = Settings { answer_limit: 4_999, ..Settings::default() };
    let error = Api::new(&address, credential, settings).unwrap().info().await.unwrap_err();
    assert!(matches!(error, ApiError::TooLarge { limit: 4_999, .. }), "{error:?}");
}

/// It never falls silent, and never ends.
#[tokio::test]
async fn an_answer_that_trickles_is_left_when_the_call_has_lasted_too_long() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, credential) = credential(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{";
        stream.write_all(head.as_bytes()).await.unwrap();
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let settings =
        Settings { call_timeout: Duration::from_millis(300), ..Settings::default().without_retries() };
    let device = Api::new(&address, credential, settings).unwrap().as_device(&"t".into()).unwrap();
    let begun = Instant::now();
    let error = device.write(&[]).await.unwrap_err();
    assert_eq!(error.delivery(), Delivery::Ambiguous, "{error:?}");
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
}

/// Piece after piece, with no end announced: it is left at the first piece for which there is no room, and
/// not asked for again: nobody would answer.
#[tokio::test]
async fn an_answer_that_trickles_without_end_is_left_at_its_bound() {
    const LIMIT: usize = 200_000;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let taken = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await.unwrap();
        let (piece, mut taken) = (format!("3e8\r\n{}\r\n", " ".repeat(1_000)), 0);
        while stream.write_all(piece.as_bytes()).await.is_ok() {
            taken += 1_000;
            tokio::task::yield_now().await;
        }
        taken
    });
    let (address, credential) = credential(&address);
    let settings = Settings { answer_limit: LIMIT, ..Settings::default() };
    let error = Api::new(&address, credential, settings).unwrap().info().await.unwrap_err();
    assert!(matches!(error, ApiError::TooLarge { limit: LIMIT, .. }), "{error:?}");
    // What both systems hold between the two sides was taken by nobody.
    const ON_ITS_WAY: usize = 16 << 20;
    let taken = taken.await.unwrap();
    assert!((LIMIT..LIMIT + ON_ITS_WAY).contains(&taken), "{taken} bytes");
}

/// However long it is, the time of a call is one for all its pieces, and so is that of each repetition.
#[tokio::test]
async fn a_read_that_trickles_is_given_up_after_its_time_and_its_repetitions() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let ended = ended.clone();
            tokio::spawn(async move {
                read_request(&mut stream).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").await.unwrap();
                let mut taken = 0_u64;
                while stream.write_all(b" ").await.is_ok() {
                    taken += 1;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                ended.send(taken).unwrap();
            });
        }
    });
    let (address, credential) = credential(&address);
    let retries =
        Retries { count: 2, first_wait: Duration::from_millis(1), longest_wait: Duration::from_secs(1) };
    let settings = Settings { call_timeout: Duration::from_millis(150), retries, ..Settings::default() };
    let begun = Instant::now();
    let error = Api::new(&address, credential, settings).unwrap().info().await.unwrap_err();
    assert!(matches!(error, ApiError::Interrupted { .. }), "{error:?}");
    assert!(begun.elapsed() >= Duration::from_millis(450), "{:?}", begun.elapsed());
    for _ in 0..3 {
        let taken = ends.recv().await.unwrap();
        assert!((1..2_000).contains(&taken), "{taken} bytes");
    }
}

/// A connection on which more was said than asked for is not asked again.
#[tokio::test]
async fn an_answer_that_came_twice_is_not_taken_for_the_next_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        // Each connection speaks of its own number, twice.
        for number in 1.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            let body = format!(r#"{{"status":true,"result":"{number} Data Added"}}"#);
            let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(whole.repeat(2).as_bytes()).await.unwrap();
            // It stays open until the client leaves.
            tokio::spawn(async move { stream.read(&mut [0; 1]).await });
        }
    });
    let device = patient(&address).as_device(&"t".into()).unwrap();
    for number in 1..=3 {
        assert_eq!(device.write(&[]).await.unwrap(), number);
    }
}

/// The page that a hotel shows before it lets anybody through.
#[tokio::test]
async fn a_page_instead_of_an_answer_is_neither_an_empty_list_nor_a_refusal() {
    let server = MockServer::start().await;
    let page = ResponseTemplate::new(200).set_body_raw("<html>Welcome</html>", "text/html");
    Mock::given(method("GET")).respond_with(page).mount(&server).await;
    let error = patient(&server.uri()).devices(&DeviceQuery::all()).await.unwrap_err();
    assert!(matches!(error, ApiError::Undecodable { .. }), "{error:?}");
}

/// Whoever answers in the platform's place cannot show its certificate: no request goes there, and no token.
#[tokio::test]
async fn who_cannot_show_the_platforms_certificate_gets_no_token() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = vec![0; 4096];
        let read = stream.read(&mut heard).await.unwrap();
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(plain.as_bytes()).await.unwrap();
        heard.truncate(read);
        stream.read_to_end(&mut heard).await.ok();
        heard
    });
    let (address, credential) = credential(&address);
    let api = Api::new(&address, credential, Settings::default().without_retries()).unwrap();
    let error = api.as_device(&TOKEN.into()).unwrap().write(&[]).await.unwrap_err();
    assert_eq!(error.delivery(), Delivery::NotReceived, "{error:?}");
    let heard = String::from_utf8_lossy(&heard.await.unwrap()).into_owned();
    assert!(!heard.is_empty() && !heard.contains("POST") && !heard.contains(TOKEN), "{heard}");
}

async fn write(address: &str) -> Result<u64, ApiError> {
    patient(address).as_device(&"t".into()).unwrap().write(&[]).await
}

/// A listener that reads one request and answers with these bytes; a second request would find it gone.
async fn listen(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.ok();
    });
    address
}

/// Up to the end of its head or, if it has a body, of that.
async fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(if request.starts_with(b"GET") { b"\r\n\r\n" } else { b"[]" as &[u8] }) {
        let mut chunk = [0; 1024];
        let read = stream.read(&mut chunk).await.unwrap();
        assert!(read > 0, "the request ended early");
        request.extend_from_slice(&chunk[..read]);
    }
}
