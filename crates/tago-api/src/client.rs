//! The typed client: [`Console`] for what a project is, [`Api`] for what is in it.

mod address;
mod api;
mod console;
mod device;
mod error;
mod record;
mod remote_clock;
mod resource;
mod transport;

pub use address::{Address, AddressError, Credential, TokenError, looks_like_token};
pub use api::{Api, Profile, ProfileAmounts, Resource, TokenInfo};
pub use console::{
    Access, Account, Automations, Backup, BackupDetail, BackupKind, BackupStatus, BadDay, Collaborator,
    Console, Damaged, Deployment, DeploymentStatus, LastRun, LogEntry, LogEvent, MainDatabase, Manifest,
    Meter, NewProject, Per, Place, Project, ProjectStatus, Quote, QuoteLine, Region, RestoreRequest,
    RestoreStarted, RestoredFrom, Role, Schedule, SchedulePreview, Service, ServiceProduct, ServiceSetting,
};
pub use device::{
    CreatedDevice, CreatedToken, Device, DeviceEdit, DeviceQuery, DeviceToken, Fields, NewDevice,
    NewDeviceToken, Param, ParamWrite, Permission, Tag,
};
pub use error::{ApiError, Body, Delivery, Refusal};
pub use record::{DeviceApi, NewRecord, Record, RecordPages, RecordQuery, TimeRange};
pub use resource::{
    AnalysisCode, CreatedAuthorization, Document, FileEntry, NewServiceAuthorization, ResourceType,
    ServiceAuthorization, StoredFile, UPLOAD_PART, UploadedPart,
};
pub use transport::{Retries, Settings};
