use serde_json::Value;

use super::{Arrived, plain};

/// When a record sets an action off.
#[derive(Clone)]
pub(super) enum Condition {
    Compared { is: String, value: String, second_value: String },
    Placed { inside: bool, area: Area },
}

/// Points are longitude and latitude in degrees.
#[derive(Clone)]
pub(super) enum Area {
    Circle { center: [f64; 2], radius_km: f64 },
    Polygon(Vec<[f64; 2]>),
}

impl Condition {
    pub(super) fn of(part: &Value) -> Condition {
        match part["is"].as_str() {
            Some(is @ ("IN" | "OUT")) => {
                Condition::Placed { inside: is == "IN", area: Area::of(&part["value"]) }
            }
            _ => Condition::Compared {
                is: plain(&part["is"]),
                value: plain(&part["value"]),
                second_value: plain(&part["second_value"]),
            },
        }
    }

    pub(super) fn holds(&self, record: &Arrived<'_>) -> bool {
        match self {
            Condition::Compared { is, value, second_value } => {
                compares(is, record.value, value, second_value)
            }
            Condition::Placed { inside, area } => {
                record.location.and_then(place).is_some_and(|place| area.contains(place) == *inside)
            }
        }
    }
}

fn compares(is: &str, value: Option<&str>, limit: &str, second: &str) -> bool {
    if is == "*" {
        return true;
    }
    let Some(value) = value else { return false };
    let value = plain(&serde_json::from_str(value).unwrap_or_default());
    let number = |text: &str| text.parse::<f64>().ok();
    let compared = number(&value).zip(number(limit));
    match is {
        "=" => compared.map_or(value == limit, |(value, limit)| value == limit),
        "!" => compared.map_or(value != limit, |(value, limit)| value != limit),
        "<" => compared.is_some_and(|(value, limit)| value < limit),
        ">" => compared.is_some_and(|(value, limit)| value > limit),
        "><" => {
            compared.zip(number(second)).is_some_and(|((value, low), high)| low <= value && value <= high)
        }
        _ => false,
    }
}

/// Where a record is, from its location as GeoJSON.
fn place(location: &str) -> Option<[f64; 2]> {
    point(&serde_json::from_str::<Value>(location).ok()?["coordinates"])
}

fn point(coordinates: &Value) -> Option<[f64; 2]> {
    Some([coordinates.get(0)?.as_f64()?, coordinates.get(1)?.as_f64()?])
}

impl Area {
    fn of(value: &Value) -> Area {
        match (point(&value["center"]), value["radius"].as_f64()) {
            (Some(center), Some(radius_km)) => Area::Circle { center, radius_km },
            _ => {
                let coordinates = value["coordinates"].as_array().into_iter().flatten();
                Area::Polygon(coordinates.filter_map(point).collect())
            }
        }
    }

    fn contains(&self, place: [f64; 2]) -> bool {
        match self {
            Area::Circle { center, radius_km } => kilometres(*center, place) <= *radius_km,
            Area::Polygon(corners) => {
                let edges = corners.iter().zip(corners.iter().cycle().skip(1));
                edges.filter(|(a, b)| crosses(**a, **b, place)).count() % 2 == 1
            }
        }
    }
}

/// Along the surface of the earth.
fn kilometres(from: [f64; 2], to: [f64; 2]) -> f64 {
    const EARTH_RADIUS_KM: f64 = 6371.0;
    let (west_east, south_north) = ((to[0] - from[0]).to_radians(), (to[1] - from[1]).to_radians());
    let haversine = (south_north / 2.0).sin().powi(2)
        + from[1].to_radians().cos() * to[1].to_radians().cos() * (west_east / 2.0).sin().powi(2);
    2.0 * EARTH_RADIUS_KM * haversine.sqrt().asin()
}

/// Whether a line from `place` to the east meets the edge from `a` to `b`.
fn crosses(a: [f64; 2], b: [f64; 2], place: [f64; 2]) -> bool {
    (a[1] > place[1]) != (b[1] > place[1])
        && place[0] < (b[0] - a[0]) * (place[1] - a[1]) / (b[1] - a[1]) + a[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fires(is: &str, area: &Value, longitude: f64, latitude: f64) -> bool {
        let condition = Condition::of(&json!({ "is": is, "value": area }));
        let location = json!({ "type": "Point", "coordinates": [longitude, latitude] }).to_string();
        condition.holds(&Arrived { variable: "at", value: None, location: Some(&location) })
    }

    #[test]
    fn a_circle_and_a_polygon_have_an_inside_and_an_outside() {
        let circle = json!({ "center": [4.287, 51.885], "radius": 2.0 });
        assert!(fires("IN", &circle, 4.29, 51.89) && !fires("OUT", &circle, 4.29, 51.89));
        assert!(!fires("IN", &circle, 4.34, 51.89) && fires("OUT", &circle, 4.34, 51.89));
        let square = json!({ "coordinates": [[0, 0], [2, 0], [2, 2], [0, 2]] });
        assert!(fires("IN", &square, 1.0, 1.0) && !fires("IN", &square, 3.0, 1.0));
        assert!(fires("OUT", &square, -0.1, 1.0) && !fires("OUT", &square, 0.1, 1.9));
    }
}
