use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an id has 24 hexadecimal digits, this has {length} characters or another digit")]
pub struct IdError {
    /// Characters of the rejected text.
    pub length: usize,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 12]);

        impl $name {
            /// The id made of these twelve bytes.
            pub const fn from_bytes(bytes: [u8; 12]) -> Self {
                Self(bytes)
            }

            /// The twelve bytes behind the 24 digits.
            pub const fn as_bytes(&self) -> &[u8; 12] {
                &self.0
            }

            /// The id as it is written on the wire.
            pub fn to_ascii(self) -> [u8; 24] {
                hex(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                write_hex(&self.0, f)?;
                f.write_str(")")
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A person with a sign-in.
    AccountId;
    /// What a project does when a trigger matches.
    ActionId;
    /// A script that runs on the platform.
    AnalysisId;
    /// An automated snapshot of a project.
    BackupId;
    /// How a device speaks.
    ConnectorId;
    /// One change of a project's infrastructure, a restore for example.
    DeploymentId;
    /// A device; equal on both sides of a restore.
    DeviceId;
    /// Where a device connects.
    NetworkId;
    /// A configuration parameter of a device.
    ParamId;
    /// The space inside an instance that holds devices and everything else.
    ProfileId;
    /// One isolated instance of the platform.
    ProjectId;
    /// A price that consent can be given to.
    QuoteId;
    /// One record of device data; made anew at every ingestion.
    RecordId;
}

fn parse_hex(text: &str) -> Result<[u8; 12], IdError> {
    let rejected = || IdError { length: text.chars().count() };
    let digits = text.as_bytes();
    if digits.len() != 24 {
        return Err(rejected());
    }
    let mut bytes = [0; 12];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = hex_digit(pair[0]).ok_or_else(rejected)?;
        let low = hex_digit(pair[1]).ok_or_else(rejected)?;
        *byte = high << 4 | low;
    }
    Ok(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

fn write_hex(bytes: &[u8; 12], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(std::str::from_utf8(&hex(bytes)).map_err(|_| fmt::Error)?)
}

fn hex(bytes: &[u8; 12]) -> [u8; 24] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 24];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let text = "5f2a8e3b9c1d4e0011223344";
        let id: DeviceId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<DeviceId>(&format!("\"{text}\"")).unwrap(), id);
    }

    #[test]
    fn other_lengths_digits_and_capitals_are_refused() {
        for text in [
            "",
            "5f2a",
            "5f2a8e3b9c1d4e00112233445",
            "5F2A8E3B9C1D4E0011223344",
            "5f2a8e3b9c1d4e001122334g",
            "é2a8e3b9c1d4e001122334é",
        ] {
            assert!(text.parse::<DeviceId>().is_err(), "{text}");
        }
    }
}
