use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use secrecy::ExposeSecret;
use serde_json::Value;
use tempfile::TempDir;

use crate::platform::Project;

/// `holdfastctl` between two projects, with a folder for its plan and its run.
pub(crate) struct Ctl {
    pub(crate) source: Project,
    pub(crate) target: Project,
    pub(crate) folder: TempDir,
    secrets: TempDir,
    /// Where the programs of this computer find each other's locks. Every platform of these tests is filled with
    /// the same projects, so each pair has its own.
    pub(crate) data: PathBuf,
    /// Where this computer is said to be, in a spelling that needs no list of time zones.
    time_zone: &'static str,
}

/// How one call ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ctl {
    pub(crate) fn between(source: &Project, target: &Project) -> Ctl {
        let secrets = TempDir::new().unwrap();
        fs::write(secrets.path().join("source"), source.token.expose_secret()).unwrap();
        fs::write(secrets.path().join("target"), target.token.expose_secret()).unwrap();
        let data = secrets.path().join("data");
        let (source, target, folder) = (source.clone(), target.clone(), TempDir::new().unwrap());
        Ctl { source, target, folder, secrets, data, time_zone: "UTC0" }
    }

    pub(crate) fn in_time_zone(self, time_zone: &'static str) -> Ctl {
        Ctl { time_zone, ..self }
    }

    pub(crate) fn plan_file(&self) -> PathBuf {
        self.folder.path().join("plan.jsonl")
    }

    pub(crate) fn run_folder(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// `plan` with these options; the plan goes to [`Ctl::plan_file`].
    pub(crate) fn plan(&self, options: &[&str]) -> Ended {
        let file = self.plan_file();
        let mut arguments = vec!["plan", "--out", file.to_str().unwrap()];
        arguments.extend(options);
        self.call(&arguments, None)
    }

    /// `plan-resources` with these options; the plan goes to [`Ctl::plan_file`].
    pub(crate) fn plan_resources(&self, options: &[&str]) -> Ended {
        let file = self.plan_file();
        let mut arguments = vec!["plan-resources", "--out", file.to_str().unwrap()];
        arguments.extend(options);
        self.call(&arguments, None)
    }

    /// A command that is given no source.
    pub(crate) fn on_target(&self, arguments: &[&str]) -> Ended {
        let mut command = self.shell_of(&[PROGRAM]);
        command.args(arguments).args(["--json", "--target", &self.target.api, "--target-token-fd", "4"]);
        if !arguments.contains(&"--late-commit-bound-ms") {
            command.args(["--late-commit-bound-ms", "2000"]);
        }
        ended(command)
    }

    /// `run` of the plan under this fingerprint, in [`Ctl::run_folder`].
    pub(crate) fn run(&self, fingerprint: &str, crash_at: Option<u64>) -> Ended {
        let (plan, run) = (self.plan_file(), self.run_folder());
        self.call(&["run", text(&plan), "--approve", fingerprint, "--run", text(&run)], crash_at)
    }

    pub(crate) fn resume(&self, crash_at: Option<u64>) -> Ended {
        self.call(&["resume", text(&self.run_folder())], crash_at)
    }

    pub(crate) fn prove(&self) -> Ended {
        self.call(&["prove", text(&self.run_folder())], None)
    }

    pub(crate) fn prove_at(&self, depth: &str) -> Ended {
        self.call(&["prove", text(&self.run_folder()), "--depth", depth], None)
    }

    /// `undo` of [`Ctl::run_folder`], which needs the target alone.
    pub(crate) fn undo(&self, crash_at: Option<u64>) -> Ended {
        let run = self.run_folder();
        let arguments = ["undo", text(&run), "--json", "--target", &self.target.api];
        let rest = ["--target-token-fd", "4", "--late-commit-bound-ms", "2000", "--patience-s", "2"];
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"exec "$@" 4<"$TARGET_TOKEN""#, "sh", PROGRAM])
            .args(arguments.into_iter().chain(rest))
            .env("TARGET_TOKEN", self.secrets.path().join("target"))
            .env("TZ", self.time_zone)
            .env("XDG_DATA_HOME", &self.data);
        if let Some(row) = crash_at {
            command.env("HOLDFAST_CRASH_AT_ROW", row.to_string());
        }
        ended(command)
    }

    pub(crate) fn report(&self) -> Ended {
        bare(&["report", text(&self.run_folder()), "--json"])
    }

    /// From now on the target is opened with the token of this one.
    pub(crate) fn change_target_token(&self, project: &Project) {
        fs::write(self.secrets.path().join("target"), project.token.expose_secret()).unwrap();
    }

    /// `run` while system calls on its journal fail, as `strace` is told.
    pub(crate) fn run_on_a_failing_disk(&self, fingerprint: &str, fault: &str) -> Ended {
        let (plan, run) = (self.plan_file(), self.run_folder());
        let (journal, inject) = (run.join("journal.sqlite-wal"), format!("inject={fault}"));
        let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", text(&journal), "-e", &inject];
        let mut command = self.shell_of(&[&strace[..], &[PROGRAM]].concat());
        command.args(["run", text(&plan), "--approve", fingerprint, "--run", text(&run)]).args(self.sides());
        ended(command)
    }

    /// How one that went on beside the test ended.
    pub(crate) fn wait(child: Child) -> Ended {
        child.wait_with_output().unwrap().into()
    }

    /// `run` that goes on beside the test.
    pub(crate) fn start(&self, fingerprint: &str) -> Child {
        let (plan, run) = (self.plan_file(), self.run_folder());
        let mut command = self.command(&["run", text(&plan), "--approve", fingerprint, "--run", text(&run)]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub(crate) fn call(&self, arguments: &[&str], crash_at: Option<u64>) -> Ended {
        let mut command = self.command(arguments);
        if let Some(row) = crash_at {
            command.env("HOLDFAST_CRASH_AT_ROW", row.to_string());
        }
        ended(command)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.shell_of(&[PROGRAM]);
        command.args(arguments).args(self.sides());
        command
    }

    fn sides(&self) -> [&str; 15] {
        [
            "--json",
            "--source",
            &self.source.api,
            "--source-token-fd",
            "3",
            "--target",
            &self.target.api,
            "--target-token-fd",
            "4",
            "--late-commit-bound-ms",
            "2000",
            "--batch-bytes",
            "1500",
            "--patience-s",
            "2",
        ]
    }

    /// A program, with both tokens open.
    fn shell_of(&self, program: &[&str]) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"exec "$@" 3<"$SOURCE_TOKEN" 4<"$TARGET_TOKEN""#, "sh"])
            .args(program)
            .env("XDG_DATA_HOME", &self.data)
            .env("TZ", self.time_zone)
            .env("SOURCE_TOKEN", self.secrets.path().join("source"))
            .env("TARGET_TOKEN", self.secrets.path().join("target"));
        command
    }
}

/// `holdfastctl` with nothing but these arguments, in a session that has no keyring.
pub(crate) fn bare<S: AsRef<OsStr>>(arguments: &[S]) -> Ended {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus");
    ended(command)
}

impl Ended {
    /// The JSON document of a call that ended with this code.
    pub(crate) fn json(&self, code: i32) -> Value {
        assert_eq!(self.code, Some(code), "{self:#?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The JSON document of a call, whatever it found.
    pub(crate) fn json_of_any(&self) -> Value {
        self.json(self.code.unwrap_or(-1))
    }

    /// The sentence of a call that was refused with this code.
    pub(crate) fn sentence(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert!(self.out.is_empty(), "{self:#?}");
        assert!(self.err.starts_with("holdfastctl: "), "{self:#?}");
        assert_eq!(self.err.lines().count(), 1, "{self:#?}");
        &self.err
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_holdfastctl");

fn ended(mut command: Command) -> Ended {
    command.stdin(Stdio::null()).output().unwrap().into()
}

impl From<Output> for Ended {
    fn from(Output { status, stdout, stderr }: Output) -> Ended {
        Ended {
            code: status.code(),
            signal: status.signal(),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
