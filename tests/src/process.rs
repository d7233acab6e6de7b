//! Child processes that cannot outlive the test.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::time::{Duration, Instant};

/// A running child with its output in a log file. Killed when dropped, and by the kernel when the
/// test's process dies.
pub struct Process {
    child: Child,
    log: PathBuf,
}

/// A signal that tests send.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// Stop when what is in flight is committed.
    Terminate,
    /// As Ctrl-C.
    Interrupt,
    /// No chance to do anything.
    Kill,
    /// Freeze, as a long pause of a machine does.
    Stop,
    /// Go on after [`Signal::Stop`].
    Continue,
}

impl Process {
    /// Starts `command` with standard output and standard error in a log file of its own.
    pub fn start(name: &str, mut command: Command) -> Process {
        let log = crate::paths::new_log(name);
        let out = File::create(&log).expect("a log file can be made");
        let err = out.try_clone().expect("a file handle can be cloned");
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = spawn(command).unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Process { child, log }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far, standard output and standard error mixed.
    pub fn output(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of what it has printed, as much as a message can hold.
    pub fn last_words(&self) -> String {
        const LENGTH: usize = 4_000;
        let output = self.output();
        let begin = output.len().saturating_sub(LENGTH);
        let begin = (begin..).find(|at| output.is_char_boundary(*at));
        let words = &output[begin.unwrap_or(0)..];
        format!("{words}\n(all of it is in {})", self.log.display())
    }

    /// The log file.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Sends a signal. A process that is gone does not mind.
    pub fn signal(&self, signal: Signal) {
        let number = match signal {
            Signal::Terminate => libc::SIGTERM,
            Signal::Interrupt => libc::SIGINT,
            Signal::Kill => libc::SIGKILL,
            Signal::Stop => libc::SIGSTOP,
            Signal::Continue => libc::SIGCONT,
        };
        let process = libc::pid_t::try_from(self.id()).expect("process ids are small");
        // SAFETY: the child has not been waited for by anyone else, so the id is still its own.
        unsafe { libc::kill(process, number) };
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// After `limit`, with what the process printed.
    pub async fn end(&mut self, limit: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(
                begun.elapsed() < limit,
                "process {} does not end within {limit:?}:\n{}",
                self.id(),
                self.last_words()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a line of the output begins with `start`; gives the rest of that line.
    ///
    /// # Panics
    /// When the process ends before, or after 30 s.
    pub async fn line(&mut self, start: &str) -> String {
        let begun = Instant::now();
        loop {
            let over = self.ended();
            let output = self.output();
            // A line counts once it is whole.
            let whole = output.rsplit_once('\n').map_or("", |(lines, _)| lines);
            if let Some(rest) = whole.lines().find_map(|line| line.strip_prefix(start)) {
                return rest.to_owned();
            }
            assert!(
                over.is_none() && begun.elapsed() < Duration::from_secs(30),
                "no line `{start}` ({over:?}):\n{}",
                self.last_words()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Memory that the process holds now (RSS), in bytes; 0 once it is over.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let kib = status.unwrap_or_default().lines().find_map(|line| {
            let value = line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?;
            value.trim().parse::<u64>().ok()
        });
        kib.unwrap_or(0) * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it is over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end, feeds it `input`, and gives its standard output.
///
/// # Panics
/// When it fails, with what it printed to standard error.
pub fn run(name: &str, mut command: Command, input: &[u8]) -> Vec<u8> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = spawn(command).unwrap_or_else(|error| panic!("{name} does not start: {error}"));
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A child that ends early shows in its status.
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().expect("a child can be waited for")
    });
    assert!(
        output.status.success(),
        "{name} failed ({}):\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Starts a child that the kernel kills when its parent dies.
///
/// The kernel looks at the parent *thread*, so one thread that lives as long as the process starts
/// all children.
fn spawn(mut command: Command) -> io::Result<Child> {
    type Job = Box<dyn FnOnce() + Send>;
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        std::thread::spawn(move || jobs.into_iter().for_each(|job| job()));
        sender
    });
    // SAFETY: prctl is async-signal-safe and touches nothing of the parent's memory.
    unsafe {
        command.pre_exec(
            || match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            },
        );
    }
    let (answer, answered) = sync_channel(1);
    let job: Job = Box::new(move || {
        let _ = answer.send(command.spawn());
    });
    spawner.send(job).expect("the spawning thread lives");
    answered.recv().expect("the spawning thread answers")
}
