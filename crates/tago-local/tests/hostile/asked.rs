/// A request as bytes, to be read and to be changed at random: the token's name, the method, the target and
/// the type of the body in the first line, then the body. In the target `$device` and the like are ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) token: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn new(token: &str, method: &str, target: &str, body: impl Into<Vec<u8>>) -> Asked {
        Asked {
            token: token.to_owned(),
            method: method.to_owned(),
            target: target.to_owned(),
            content_type: "application/json".to_owned(),
            body: body.into(),
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Asked {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        Asked {
            token: word(),
            method: word(),
            target: word(),
            content_type: word(),
            body: bytes.get(end + 1..).unwrap_or_default().to_vec(),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Asked { token, method, target, content_type, body } = self;
        [format!("{token} {method} {target} {content_type}\n").as_bytes(), body].concat()
    }
}
