//! What a project costs: the price book, and the price of a restore.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tago_api::Time;
use thiserror::Error;

use crate::files;
use crate::random::hex;
use crate::registry::{Machine, MainDatabase};

/// The price book cannot be used.
#[derive(Debug, Error)]
pub enum PriceBookError {
    /// The file cannot be read or written.
    #[error("the price book {path} cannot be read or written: {source}", path = path.display())]
    File { path: PathBuf, source: io::Error },
    /// The file is not a price book.
    #[error("the price book {path} has a mistake: {source}. Correct it, or delete it to get the first one back", path = path.display())]
    Content { path: PathBuf, source: serde_json::Error },
}

/// Prices by region, in a file that the owner may edit. All money is in micro-dollars.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceBook {
    pub(crate) currency: String,
    /// Charged once, when a project is created.
    pub(crate) creation_fee_micros: i64,
    pub(crate) platform_license_micros_per_hour: i64,
    pub(crate) regions: BTreeMap<String, Region>,
    /// What the file said, as a fingerprint.
    #[serde(skip)]
    pub(crate) version: String,
}

/// Prices of the infrastructure in one region, per hour.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Region {
    pub(crate) name: String,
    infrastructure: i64,
    main_db: i64,
    /// On top of `main_db`, for every started GiB of the database.
    main_db_per_gib: i64,
    in_memory_db: i64,
    api: i64,
    analysis: i64,
    queue: i64,
    network: i64,
    files: i64,
    apps: i64,
}

/// What a project of some size costs in some region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Price {
    pub(crate) currency: String,
    pub(crate) lines: Vec<PriceLine>,
    pub(crate) creation_fee_micros: i64,
    pub(crate) per_hour_micros: i64,
}

/// One line of a price, by the categories of a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PriceLine {
    pub(crate) category: String,
    pub(crate) label: String,
    pub(crate) micros: i64,
    pub(crate) per: Per,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Per {
    Once,
    Hour,
}

/// The file that a price book is kept in.
pub(crate) struct PriceFile(PathBuf);

impl PriceFile {
    /// The price book at `path`, written now if there is none.
    pub(crate) fn open(path: PathBuf) -> Result<PriceFile, PriceBookError> {
        let file = PriceFile(path);
        file.ensure_exists()?;
        Ok(file)
    }

    /// The prices as they are now: the owner may have edited the file.
    pub(crate) fn read(&self) -> Result<PriceBook, PriceBookError> {
        self.ensure_exists()?;
        let bytes = std::fs::read(&self.0).map_err(|source| self.failed(source))?;
        let mut book: PriceBook = serde_json::from_slice(&bytes)
            .map_err(|source| PriceBookError::Content { path: self.0.clone(), source })?;
        if !book.is_sensible() {
            let source = serde::de::Error::custom("a price is from 0 to 1000000000000 micro-dollars");
            return Err(PriceBookError::Content { path: self.0.clone(), source });
        }
        book.version = hex(&Sha256::digest(&bytes)[..8]);
        Ok(book)
    }

    pub(crate) fn write(&self, book: &PriceBook) -> Result<(), PriceBookError> {
        let bytes = serde_json::to_vec_pretty(book)
            .map_err(|source| PriceBookError::Content { path: self.0.clone(), source })?;
        files::write_durably(&self.0, &bytes).map_err(|source| self.failed(source))
    }

    fn ensure_exists(&self) -> Result<(), PriceBookError> {
        match self.0.try_exists() {
            Ok(true) => Ok(()),
            Ok(false) => self.write(&PriceBook::first()),
            Err(source) => Err(self.failed(source)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn failed(&self, source: io::Error) -> PriceBookError {
        PriceBookError::File { path: self.0.clone(), source }
    }
}

impl PriceBook {
    /// The price of a project whose database has `size` bytes; none if the region is unknown.
    pub(crate) fn price(&self, region: &str, database: MainDatabase, size: u64) -> Option<Price> {
        let prices = self.regions.get(region)?;
        let MainDatabase { machine, readers } = database;
        // The price in the book is that of the smallest machine; a larger one costs by its memory.
        let smallest = i64::from(Machine::ALL[0].memory_gb());
        let instance = prices.main_db.saturating_mul(i64::from(machine.memory_gb()) / smallest);
        let gib = i64::try_from(size.div_ceil(1 << 30).max(1)).unwrap_or(i64::MAX);
        let storage = prices.main_db_per_gib.saturating_mul(gib);
        let line = |category: &str, label: &str, micros, per| PriceLine {
            category: category.into(),
            label: label.into(),
            micros,
            per,
        };
        let mut lines = vec![
            line("Creation", "Project creation fee", self.creation_fee_micros, Per::Once),
            line("Platform License", "Platform license", self.platform_license_micros_per_hour, Per::Hour),
            line(
                "Infrastructure",
                &format!("Infrastructure in {}", prices.name),
                prices.infrastructure,
                Per::Hour,
            ),
            line(
                "Main DB",
                &format!("Main database, {} vCPU and {} GB", machine.cpus(), machine.memory_gb()),
                instance,
                Per::Hour,
            ),
            line("Main DB", &format!("Main database storage, {gib} GiB"), storage, Per::Hour),
            line("In-Memory DB", "In-memory database", prices.in_memory_db, Per::Hour),
            line("API", "API service", prices.api, Per::Hour),
            line("Analysis", "Analysis runtime", prices.analysis, Per::Hour),
            line("Queue", "Queue", prices.queue, Per::Hour),
            line("Network", "Network", prices.network, Per::Hour),
            line("Files", "File storage", prices.files, Per::Hour),
            line("Apps", "Admin and Run apps", prices.apps, Per::Hour),
        ];
        if readers > 0 {
            let label = format!("Main database, {readers} more for reading");
            lines.push(line("Main DB", &label, instance.saturating_mul(i64::from(readers)), Per::Hour));
        }
        let per_hour_micros = lines.iter().filter(|line| line.per == Per::Hour).map(|line| line.micros).sum();
        Some(Price {
            currency: self.currency.clone(),
            lines,
            creation_fee_micros: self.creation_fee_micros,
            per_hour_micros,
        })
    }

    fn is_sensible(&self) -> bool {
        let of_region = |region: &Region| {
            let Region { infrastructure, main_db, main_db_per_gib, in_memory_db, api, .. } = *region;
            let Region { analysis, queue, network, files, apps, .. } = *region;
            [
                infrastructure,
                main_db,
                main_db_per_gib,
                in_memory_db,
                api,
                analysis,
                queue,
                network,
                files,
                apps,
            ]
        };
        let mut prices = self
            .regions
            .values()
            .flat_map(of_region)
            .chain([self.creation_fee_micros, self.platform_license_micros_per_hour]);
        prices.all(|micros| (0..=1_000_000_000_000).contains(&micros))
    }

    /// The prices of a new platform: about 850 dollars a month, and a fee to begin with.
    fn first() -> PriceBook {
        let region = |name: &str, percent: i64| Region {
            name: name.to_owned(),
            infrastructure: 1848 * percent,
            main_db: 959 * percent,
            main_db_per_gib: 3 * percent,
            in_memory_db: 342 * percent,
            api: 548 * percent,
            analysis: 274 * percent,
            queue: 137 * percent,
            network: 411 * percent,
            files: 68 * percent,
            apps: 205 * percent,
        };
        let regions = [
            ("us-east-1", region("US East (N. Virginia)", 100)),
            ("us-west-2", region("US West (Oregon)", 100)),
            ("eu-west-1", region("Europe (Ireland)", 108)),
            ("eu-central-1", region("Europe (Frankfurt)", 114)),
            ("sa-east-1", region("South America (São Paulo)", 152)),
            ("ap-southeast-2", region("Asia Pacific (Sydney)", 126)),
        ];
        PriceBook {
            currency: "USD".into(),
            creation_fee_micros: 50_000_000,
            platform_license_micros_per_hour: 684_932,
            regions: regions.map(|(id, region)| (id.to_owned(), region)).into(),
            version: String::new(),
        }
    }
}

/// Hours that were started between two moments: at least one.
pub(crate) fn started_hours(since: Time, until: Time) -> i64 {
    const HOUR: i64 = 3_600_000;
    let elapsed = (until.millis() - since.millis()).max(1);
    elapsed / HOUR + i64::from(elapsed % HOUR > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_started_hour_is_charged_whole() {
        let since = Time::from_millis(1_000);
        for (millis, hours) in [(0, 1), (1, 1), (3_600_000, 1), (3_600_001, 2), (7_200_000, 2), (-5, 1)] {
            assert_eq!(started_hours(since, Time::from_millis(1_000 + millis)), hours, "{millis}");
        }
    }

    #[test]
    fn the_hourly_price_is_the_sum_of_its_lines_and_grows_with_the_database() {
        let book = PriceBook::first();
        let least = MainDatabase::default();
        let small = book.price("us-east-1", least, 5).unwrap();
        let sum: i64 = small.lines.iter().filter(|line| line.per == Per::Hour).map(|line| line.micros).sum();
        assert_eq!(small.per_hour_micros, sum);
        assert_eq!(small.creation_fee_micros, 50_000_000);
        let large = book.price("us-east-1", least, (3 << 30) + 1).unwrap();
        assert_eq!(large.per_hour_micros - small.per_hour_micros, 3 * 300);
        assert!(book.price("sa-east-1", least, 5).unwrap().per_hour_micros > small.per_hour_micros);
        assert_eq!(book.price("moon-1", least, 5), None);
        let twice = MainDatabase { machine: Machine::Medium, readers: 1 };
        let twice = book.price("us-east-1", twice, 5).unwrap();
        assert_eq!(twice.per_hour_micros - small.per_hour_micros, 3 * 95_900);
    }

    #[test]
    fn an_edit_gives_the_price_book_another_version() {
        let folder = tempfile::tempdir().unwrap();
        let file = PriceFile::open(folder.path().join("prices.json")).unwrap();
        let mut book = file.read().unwrap();
        let version = book.version.clone();
        assert_eq!(file.read().unwrap().version, version);
        book.creation_fee_micros += 1;
        file.write(&book).unwrap();
        assert_ne!(file.read().unwrap().version, version);
        std::fs::write(file.path(), "{").unwrap();
        assert!(matches!(file.read(), Err(PriceBookError::Content { .. })));
        for nonsense in [-1, i64::MAX] {
            book.creation_fee_micros = nonsense;
            file.write(&book).unwrap();
            assert!(matches!(file.read(), Err(PriceBookError::Content { .. })), "{nonsense}");
        }
        std::fs::remove_file(file.path()).unwrap();
        assert_eq!(file.read().unwrap().version, version);
    }
}
