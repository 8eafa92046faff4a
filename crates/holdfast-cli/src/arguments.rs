use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tago_api::Time;
use tago_api::client::looks_like_token;
use tago_migrate::resources::Kind;

use crate::failure::Failure;

/// Move devices, their data and everything else from one TagoIO project into another, with a rehearsal
/// before and proof after.
#[derive(Debug, Parser)]
#[command(name = "holdfastctl", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Answer with one JSON document instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, and all is as it should be
  1  done, but look: a check blocks the plan, items were held back or left, the proof is not green, or the run
     was given up and leaves something behind
  2  bad input; nothing was done
  3  a token could not be read, or was refused
  4  a side does not answer
  5  stopped or halted half-way; `holdfastctl resume`, or `undo` once more, goes on
  6  a file of the run could not be read or written";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Rehearse: read both sides, write nothing, and store what a run would do.
    Plan {
        #[command(flatten)]
        sides: Sides,
        #[command(flatten)]
        choice: Choice,
        /// Where to write the plan.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Rehearse everything that a project holds beside records: dashboards, analyses, actions and the rest.
    PlanResources {
        #[command(flatten)]
        sides: Sides,
        #[command(flatten)]
        choice: ResourceChoice,
        /// Where to write the plan.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Carry out a plan of either kind.
    Run {
        /// The plan file.
        plan: PathBuf,
        /// The fingerprint that the plan was shown with: it says that you have read it.
        #[arg(long, value_name = "FINGERPRINT")]
        approve: String,
        /// A new folder for the journal, the proof and the report.
        #[arg(long, value_name = "FOLDER")]
        run: PathBuf,
        #[command(flatten)]
        sides: Sides,
    },
    /// Go on with a run that was stopped, halted or killed.
    Resume {
        /// The run's folder.
        run: PathBuf,
        #[command(flatten)]
        sides: Sides,
    },
    /// Switch on again the actions that a run still holds which nobody means to resume, and remove its
    /// tokens. It needs the target alone.
    Release {
        /// The run's folder.
        run: PathBuf,
        #[command(flatten)]
        target: TargetSide,
    },
    /// End a run of records whose target is gone for good, or that nobody wants any more, and say what it
    /// leaves behind. Neither project is asked, nothing is sent, and the run cannot be resumed afterwards.
    GiveUp {
        /// The run's folder.
        run: PathBuf,
    },
    /// Compare the target with what the plan and the run say it must hold. Interrupted, it goes on next
    /// time where it was.
    Prove {
        /// The run's folder.
        run: PathBuf,
        /// How closely to look at records; `counts` is no proof of content. `content` without it. Not for a run
        /// over resources, whose content is always compared.
        #[arg(long, value_enum)]
        depth: Option<ProofDepth>,
        /// Read everything, also what an interrupted proof has proven already.
        #[arg(long)]
        afresh: bool,
        #[command(flatten)]
        source: MaybeSource,
        #[command(flatten)]
        target: TargetSide,
    },
    /// Write the report of a run, with the worklist.
    Report {
        /// The run's folder.
        run: PathBuf,
    },
    /// Take a run back, wherever nobody changed anything since. It needs the target alone.
    Undo {
        /// The run's folder.
        run: PathBuf,
        /// Also delete devices that a run over resources made and that hold records by now. All their records go
        /// with them for good, also what they have sent since; no run brings them back.
        #[arg(long)]
        with_records: bool,
        #[command(flatten)]
        target: TargetSide,
    },
    /// Plan again what a run with a damaged journal still lacks: take away its own tokens and marks, read both
    /// sides, fill the gaps. The new plan is run in a new folder. The damaged run can then no longer be resumed or
    /// taken back: what it removed stays in the folder kept/ of the run, and is not written back.
    Rebuild {
        /// The damaged run's folder.
        run: PathBuf,
        #[command(flatten)]
        sides: Sides,
        /// Where to write the new plan.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Say what is left to do by hand, and look at the target for what is done.
    Worklist {
        /// The run's folder.
        run: PathBuf,
        /// When the last run into this target ended, by the target's clock: what came before it may have come from
        /// that run.
        #[arg(long, value_name = "TIME")]
        since: Option<Time>,
        /// Say that this is done; may be repeated.
        #[arg(long, value_name = "KEY")]
        tick: Vec<String>,
        /// Say that this is not done after all; may be repeated.
        #[arg(long, value_name = "KEY")]
        untick: Vec<String>,
        #[command(flatten)]
        target: TargetSide,
    },
}

/// The two projects and the tokens that open them.
#[derive(Debug, Args)]
pub(crate) struct Sides {
    /// Address of the project to read from, for example https://api.us-e1.tago.io.
    #[arg(long, value_name = "URL")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) source_token: SourceToken,
    #[command(flatten)]
    pub(crate) target: TargetSide,
}

/// The project to read from, if it is still there.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct MaybeSource {
    /// Address of the project to read from. Without it, the proof of a run over resources compares with
    /// what the run sealed.
    #[arg(long, value_name = "URL", requires = "MaybeSourceToken")]
    pub(crate) source: Option<String>,
    #[command(flatten)]
    pub(crate) token: MaybeSourceToken,
}

#[derive(Debug, Args)]
#[group(multiple = false, requires = "source")]
pub(crate) struct MaybeSourceToken {
    /// Read the source's profile token from this file descriptor.
    #[arg(long, value_name = "N")]
    pub(crate) source_token_fd: Option<u32>,
    /// Read the source's profile token from the system's keyring.
    #[arg(long, value_name = "NAME")]
    pub(crate) source_keyring: Option<String>,
}

/// The project to write to, the token that opens it, and how to treat it.
#[derive(Debug, Args)]
pub(crate) struct TargetSide {
    /// Address of the project to write to.
    #[arg(long, value_name = "URL")]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) target_token: TargetToken,
    /// How late after a request was sent the target may still carry it out, in milliseconds. The
    /// practice platform declares 2000.
    #[arg(long, value_name = "MS", default_value_t = 120_000)]
    pub(crate) late_commit_bound_ms: u64,
    /// How long an import of a file may take, in seconds; then it is withdrawn, and its records travel by
    /// stream.
    #[arg(long, value_name = "S", default_value_t = 900)]
    pub(crate) import_bound_s: u64,
    /// How long a side may be out of reach before the command gives up for now, in seconds.
    #[arg(long, value_name = "S", default_value_t = 30)]
    pub(crate) patience_s: u64,
    /// The most bytes of one request body; the platform takes 200,000.
    #[arg(long, value_name = "BYTES", default_value_t = 190_000, value_parser = clap::value_parser!(u32).range(1_000..=200_000))]
    pub(crate) batch_bytes: u32,
    /// How much of each limit of the platform to use, for example 0.8. Without it 0.6 of a project to which
    /// something was sent in the six hours before the plan, and 0.985 of one that is idle.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) share: Option<f64>,
    /// Say that a project of the plan has another address now. Without it an address that is not the plan's is
    /// refused: a copy of a project may call itself what its original does, and only the address tells them apart.
    #[arg(long)]
    pub(crate) moved: bool,
}

impl Command {
    /// The plan that the command is about, by its file or its run's folder, and the addresses it is given.
    pub(crate) fn on_a_plan(&self) -> Option<(&Path, Option<&str>, &TargetSide)> {
        match self {
            Command::Run { plan: of, sides, .. }
            | Command::Resume { run: of, sides }
            | Command::Rebuild { run: of, sides, .. } => Some((of, Some(&sides.source), &sides.target)),
            Command::Prove { run, source, target, .. } => Some((run, source.source.as_deref(), target)),
            Command::Undo { run, target, .. }
            | Command::Release { run, target }
            | Command::Worklist { run, target, .. } => Some((run, None, target)),
            Command::Plan { .. }
            | Command::PlanResources { .. }
            | Command::Report { .. }
            | Command::GiveUp { .. } => None,
        }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.01..=1.0).contains(share));
    share.ok_or_else(|| "a share is a number from 0.01 to 1".to_owned())
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct SourceToken {
    /// Read the source's profile token from this file descriptor, for example 3 with `3<token.txt`.
    #[arg(long, value_name = "N")]
    pub(crate) source_token_fd: Option<u32>,
    /// Read the source's profile token from the system's keyring, where the window stores it under
    /// "<address>#<profile id>".
    #[arg(long, value_name = "NAME")]
    pub(crate) source_keyring: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct TargetToken {
    /// Read the target's profile token from this file descriptor.
    #[arg(long, value_name = "N")]
    pub(crate) target_token_fd: Option<u32>,
    /// Read the target's profile token from the system's keyring.
    #[arg(long, value_name = "NAME")]
    pub(crate) target_keyring: Option<String>,
}

/// What to move.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    /// Only this device of the source, by id or exact name; may be repeated. All without it.
    #[arg(long = "device", value_name = "ID OR NAME")]
    pub(crate) devices: Vec<String>,
    /// Only this variable; may be repeated. All without it.
    #[arg(long = "variable", value_name = "NAME")]
    pub(crate) variables: Vec<String>,
    /// Only records from this moment on, for example 2026-11-01 or 2026-11-01T06:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Time>,
    /// Only records up to and with this moment.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Time>,
    /// Which records to write, and whether any are removed.
    #[arg(long, value_enum, default_value_t = Policy::Fill)]
    pub(crate) policy: Policy,
    /// What becomes of devices that both sides have and that differ.
    #[arg(long, value_enum, default_value_t = Existing::Keep)]
    pub(crate) existing: Existing,
    /// What becomes of ids and addresses inside records that the target calls otherwise.
    #[arg(long, value_enum, default_value_t = Inside::Rewrite)]
    pub(crate) ids_in_records: Inside,
    /// What becomes of devices that are inactive on the target and are to get records.
    #[arg(long, value_enum, default_value_t = Inactive::Wake)]
    pub(crate) inactive: Inactive,
    /// The folder of a run over resources between the same two projects: what it moved is known by its new
    /// ids, on devices and inside records.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) after_resources: Option<PathBuf>,
    /// What becomes of actions of the target that the run would set off.
    #[arg(long, value_enum, default_value_t = Actions::Hold)]
    pub(crate) actions: Actions,
    /// How records travel.
    #[arg(long, value_enum, default_value_t = Lane::Stream)]
    pub(crate) lane: Lane,
    /// Only compare counts: quick and cheap, but it cannot be run.
    #[arg(long)]
    pub(crate) counted: bool,
    /// Only what the run of this folder held back, whatever that was.
    #[arg(
        long,
        value_name = "FOLDER",
        conflicts_with_all = ["devices", "variables", "from", "to", "policy", "existing", "counted"]
    )]
    pub(crate) held_of: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Policy {
    /// Only records that the target lacks.
    Fill,
    /// Every record of the source, whatever the target has.
    Append,
    /// Between --from and --to, which it needs, make the target hold exactly what the source holds: what lacks
    /// is written, and what only the target has is removed, after it was kept whole in the run's folder. With
    /// a --to later than the source's backup, that includes what was sent since. Immutable and hybrid devices are
    /// left out: nothing is removed there.
    Replace,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Existing {
    /// They stay as they are.
    Keep,
    /// They get the source's fields, tags and parameters.
    TakeSource,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Inside {
    /// Devices, the profile and addresses of files get the target's names.
    Rewrite,
    /// They stay as they are.
    Leave,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Inactive {
    /// They are active while their records are written, and inactive again at the end.
    Wake,
    /// They stay as they are; their records are left out.
    Leave,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ProofDepth {
    /// Only how many records there are in each time range; none is read.
    Counts,
    /// Every record of the target, against what the rehearsal and the run sealed.
    Content,
    /// Every record on both sides, one by one and field by field.
    Records,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Actions {
    /// They are switched off before the first write and on again when nothing more can arrive.
    Hold,
    /// They stay as they are, and act.
    LetFire,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Lane {
    /// In requests that say how many records they stored.
    Stream,
    /// In CSV files that the target imports, for devices with much to write or with a payload parser: it
    /// counts no data input and wakes no parser. A throw-away device in the target shows first what a file
    /// brings back; everything else travels by stream.
    File,
}

/// Which resources to move, and what becomes of those that are on both sides.
#[derive(Debug, Args)]
pub(crate) struct ResourceChoice {
    /// Only this type, for example dashboard or run_user; may be repeated. All without it.
    #[arg(long = "type", value_name = "TYPE", value_parser = Kind::from_str)]
    pub(crate) kinds: Vec<Kind>,
    /// Only this resource of the source, by id or exact name; may be repeated. The widgets of a dashboard
    /// come with it.
    #[arg(long = "item", value_name = "ID OR NAME")]
    pub(crate) items: Vec<String>,
    /// Only what carries this tag, with this value if one is given.
    #[arg(long, value_name = "KEY[=VALUE]")]
    pub(crate) tag: Option<String>,
    /// What becomes of resources that are on both sides and differ.
    #[arg(long, value_enum, default_value_t = ConflictChoice::KeepTarget)]
    pub(crate) conflict: ConflictChoice,
    /// The same for one type or one resource, for example dashboard=take-source; may be repeated.
    #[arg(long = "conflict-of", value_name = "TYPE OR ID=CHOICE", value_parser = conflict_of)]
    pub(crate) conflict_of: Vec<(String, ConflictChoice)>,
    /// Find counterparts by the value of this tag.
    #[arg(long, value_name = "KEY")]
    pub(crate) match_tag: Option<String>,
    /// Take these two for the same, by their ids in the source and in the target; may be repeated.
    #[arg(long = "counterpart", value_name = "SOURCE=TARGET", value_parser = pair)]
    pub(crate) counterparts: Vec<(String, String)>,
    /// A folder with code for analyses of which the source has none: files named by the id of an analysis, or by
    /// its name with an ending that its runtime reads. An unpacked profile backup is one.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) scripts: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConflictChoice {
    /// The target's stays as it is; what its parts lack is added.
    KeepTarget,
    /// The target's gets the source's fields and entries.
    TakeSource,
    /// The target's gets the source's tags beside its own.
    MergeTags,
    /// The source's is made beside it.
    Both,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((one, other)) if !one.is_empty() && !other.is_empty() => Ok((one.to_owned(), other.to_owned())),
        _ => Err("give two, with = between them".to_owned()),
    }
}

fn conflict_of(text: &str) -> Result<(String, ConflictChoice), String> {
    let (what, choice) = pair(text)?;
    Ok((what, ConflictChoice::from_str(&choice, false)?))
}

/// A command line is seen by every program of the system and kept by shells: no token belongs there.
pub(crate) fn refuse_tokens(arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    for argument in arguments {
        let argument = argument.to_string_lossy();
        let parts = |separators: &'static [char]| argument.split(separators).any(looks_like_token);
        // A folder may well be named by a UUID; only an address is also taken apart at its slashes.
        let is_address = argument.contains("://");
        if parts(&['=', ':', '@', '?', '&', ',', ';', ' ', '\t', '\n', '"', '\'', '{', '}', '[', ']'])
            || is_address && parts(&['/', '=', ':', '@', '?', '&', '#'])
        {
            return Err(Failure::TokenInArguments);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "1f0c6a52-8a3e-4c8e-9b6f-0123456789ab";

    fn is_refused(argument: &str) -> bool {
        refuse_tokens([OsString::from(argument)].into_iter()).is_err()
    }

    #[test]
    fn a_token_is_refused_wherever_it_hides() {
        for argument in [
            UUID.to_owned(),
            format!("p-{UUID}"),
            format!("a-{UUID}"),
            "at0123456789abcdef0123456789abcdef".to_owned(),
            format!("--source-token-fd=p-{UUID}"),
            format!("--token={UUID}"),
            format!("token:p-{UUID}"),
            format!("https://p-{UUID}@api.tago.io"),
            format!("https://api.tago.io/?token=p-{UUID}"),
            format!("https://api.tago.io/p-{UUID}"),
            format!("{{\"token\":\"p-{UUID}\"}}"),
            format!("--token='{UUID}'"),
        ] {
            assert!(is_refused(&argument), "{argument}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_argument_that_is_no_text_is_looked_at_too() {
        use std::os::unix::ffi::OsStringExt;
        let argument = |text: &str| OsString::from_vec([b"\xff=", text.as_bytes()].concat());
        assert!(refuse_tokens([argument(UUID)].into_iter()).is_err());
        assert!(refuse_tokens([argument("plan")].into_iter()).is_ok());
    }

    #[test]
    fn other_arguments_pass() {
        for argument in [
            "plan",
            "--source",
            "https://api.us-e1.tago.io",
            "https://api.us-e1.tago.io#5f2a8e3b9c1d4e0011223344",
            "5f2a8e3b9c1d4e0011223344",
            "2026-11-01T06:00:00Z",
        ] {
            assert!(!is_refused(argument), "{argument}");
        }
        assert!(!is_refused(&format!("/var/runs/{UUID}/plan.jsonl")));
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
