//! One caller in two places that nobody travels between in that time.
//!
//! In: a CSV file that says where networks are, which the operator has from somewhere, and the addresses of one
//! caller. Out: a journey that is faster than an airliner. A weak sign: companies route their people through other
//! countries, and phones through other cities. Addresses that the file does not know say nothing.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr as _;

use ipnet::IpNet;
use portcullis_domain::Timestamp;

/// Where somebody was seen last: degrees north and east, and when.
pub(super) type Whereabouts = Option<(f32, f32, Timestamp)>;

/// Where networks are.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Sorted by the first address, IPv4 as IPv4-mapped IPv6.
    networks: Vec<Network>,
}

#[derive(Clone, Copy, Debug)]
struct Network {
    first: u128,
    last: u128,
    latitude: f32,
    longitude: f32,
}

/// The file is none that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlacesFault {
    /// A column is missing.
    #[error("the first line names no column `{0}`")]
    Column(&'static str),
    /// A line has something else than a network, or two numbers that are degrees.
    #[error("line {0} is no network with its latitude and longitude")]
    Line(usize),
    /// More lines than anybody has.
    #[error("it has more than {MOST} lines")]
    TooLarge,
}

const MOST: usize = 8_000_000;

impl Places {
    /// Reads CSV with a heading. Columns that are not needed may stand anywhere; none that is needed is quoted.
    /// Networks without a place are left out.
    ///
    /// # Errors
    /// [`PlacesFault`], with the line.
    pub fn read(text: &str) -> Result<Self, PlacesFault> {
        let mut lines = text.lines().enumerate();
        let heading = lines.next().map(|(_, line)| line).unwrap_or_default();
        let column = |name: &'static str| {
            let place = heading.split(',').position(|heading| heading.trim().trim_matches('"') == name);
            place.ok_or(PlacesFault::Column(name))
        };
        let [network, latitude, longitude] = [column("network")?, column("latitude")?, column("longitude")?];
        let mut networks = Vec::new();
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let fault = PlacesFault::Line(index + 1);
            if networks.len() >= MOST {
                return Err(PlacesFault::TooLarge);
            }
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            let field = |place: usize| fields.get(place).copied().ok_or(fault);
            if field(latitude)?.is_empty() || field(longitude)?.is_empty() {
                continue;
            }
            let net = IpNet::from_str(field(network)?).map_err(|_| fault)?;
            let degrees = |text: &str, most: f32| {
                text.parse::<f32>().ok().filter(|degrees| degrees.abs() <= most).ok_or(fault)
            };
            networks.push(Network {
                first: number(net.network()),
                last: number(net.broadcast()),
                latitude: degrees(field(latitude)?, 90.0)?,
                longitude: degrees(field(longitude)?, 180.0)?,
            });
        }
        networks.sort_by_key(|network| network.first);
        Ok(Self { networks })
    }

    /// How many networks are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.networks.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    fn find(&self, address: IpAddr) -> Option<(f32, f32)> {
        let number = number(address);
        let next = self.networks.partition_point(|network| network.first <= number);
        let network = self.networks.get(next.checked_sub(1)?)?;
        (number <= network.last).then_some((network.latitude, network.longitude))
    }

    /// Notes where a caller is; says if it cannot have come there.
    pub(super) fn follow(&self, last: &mut Whereabouts, address: IpAddr, at: Timestamp) -> Option<Journey> {
        let (latitude, longitude) = self.find(address)?;
        let before = last.replace((latitude, longitude, at));
        let (from_latitude, from_longitude, since) = before?;
        let kilometers = distance((from_latitude, from_longitude), (latitude, longitude));
        let journey =
            Journey { kilometers: kilometers as u64, minutes: at.since(since).as_secs() / 60, since };
        (journey.kilometers >= Journey::SHORTEST && journey.speed() > Journey::FASTEST).then_some(journey)
    }
}

/// From one place to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Journey {
    pub(super) kilometers: u64,
    pub(super) minutes: u64,
    pub(super) since: Timestamp,
}

impl Journey {
    /// Nobody travels faster, in kilometers per hour.
    pub(super) const FASTEST: f64 = 800.0;
    /// Places that lie closer may be the same: nobody knows so exactly where an address is.
    const SHORTEST: u64 = 500;

    pub(super) fn speed(&self) -> f64 {
        self.kilometers as f64 * 60.0 / (self.minutes.max(1) as f64)
    }
}

fn number(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits()),
    }
    .to_bits()
}

/// Kilometers along the great circle (haversine).
fn distance(from: (f32, f32), to: (f32, f32)) -> f64 {
    let [lat1, lon1, lat2, lon2] =
        [from.0, from.1, to.0, to.1].map(|degrees| f64::from(degrees).to_radians());
    let (half_lat, half_lon) = ((lat2 - lat1) / 2.0, (lon2 - lon1) / 2.0);
    let chord = half_lat.sin().powi(2) + lat1.cos() * lat2.cos() * half_lon.sin().powi(2);
    2.0 * 6371.0 * chord.sqrt().clamp(0.0, 1.0).asin()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_764_000_000);
    const FILE: &str = "network,geoname_id,latitude,longitude,accuracy_radius
192.0.2.0/24,1,52.52,13.40,10
198.51.100.0/24,2,-33.87,151.21,10
2001:db8::/32,3,52.40,13.10,10
203.0.113.0/24,4,,,
";

    fn follow(places: &Places, last: &mut Whereabouts, address: &str, minutes: u64) -> Option<Journey> {
        places.follow(last, address.parse().unwrap(), AT.plus(Duration::from_secs(minutes * 60)))
    }

    #[test]
    fn from_berlin_to_sydney_in_minutes_is_impossible_and_in_a_day_it_is_not() {
        let places = Places::read(FILE).unwrap();
        assert_eq!(places.len(), 3, "what has no place is left out");
        let mut last = None;
        assert_eq!(follow(&places, &mut last, "192.0.2.7", 0), None);
        let journey = follow(&places, &mut last, "::ffff:198.51.100.7", 10).unwrap();
        assert!((16_000..16_200).contains(&journey.kilometers), "{journey:?}");
        assert_eq!(follow(&places, &mut last, "192.0.2.7", 10 + 24 * 60), None);
        assert_eq!(follow(&places, &mut last, "2001:db8::1", 10 + 24 * 60), None, "both stacks of one place");
        assert_eq!(follow(&places, &mut last, "203.0.113.7", 2_000), None, "nobody knows where that is");
        assert_eq!(follow(&places, &mut last, "10.0.0.1", 2_000), None);
    }

    #[test]
    fn a_file_that_is_no_list_of_networks_is_refused_with_its_line() {
        assert_eq!(Places::read("a,b\n").unwrap_err(), PlacesFault::Column("network"));
        let line = |line: &str| Places::read(&format!("network,latitude,longitude\n{line}\n")).unwrap_err();
        for bad in ["x,1,2", "192.0.2.0/24,91,0", "192.0.2.0/24,0,east", "192.0.2.0/24"] {
            assert_eq!(line(bad), PlacesFault::Line(2), "{bad}");
        }
    }
}
