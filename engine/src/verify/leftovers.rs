//! What lies among the files and no commit names.

use super::history::Claims;
use super::reading::Target;
use super::violation::{VerifyError, Violation};
use super::{Named, Verified};
use crate::log::names::FileName;
use crate::ports::Listed;
use crate::types::{FileKind, Window, WindowLength};

/// How long before a clean-up an object must have been dated to have been there for certain: a put
/// takes time, S3 tells whole seconds only, and two clocks are compared.
const PUT_IN_FLIGHT_MS: i64 = 60_000;

/// The same for an object that was put in parts. S3 dates it when its upload began, however much
/// later it was completed, and an upload is open as long as its window.
const UPLOAD_IN_FLIGHT_MS: i64 = 24 * 3_600_000;

/// What is known of the files before they are listed.
pub(super) struct Leftovers<'h> {
    pub window_length: WindowLength,
    pub named: &'h Named,
    pub claims: &'h Claims,
    pub expired_through: Option<Window>,
}

impl Leftovers<'_> {
    /// Lists every folder of files and looks at what is not named.
    ///
    /// A generation that has put a commit has cleaned up before: so what a claim of an earlier
    /// generation left, and was there then, must be gone. Anything else may belong to a claim that
    /// is in force, or have been on its way during that clean-up and wait for the next: it is
    /// counted. So is what lies in expired windows: who named it may be gone.
    pub(super) async fn look(
        &self,
        target: &Target,
        verified: &mut Verified,
    ) -> Result<(), VerifyError> {
        for kind in FileKind::ALL {
            let folder = format!("{}/", kind.folder());
            let mut after: Option<String> = None;
            loop {
                let page = target
                    .retry(|store| store.list(&folder, after.as_deref(), 1_000))
                    .await?;
                for object in &page.objects {
                    self.one(target, object, verified)?;
                }
                match page.objects.last() {
                    Some(last) if page.more => after = Some(last.name.clone()),
                    _ => break,
                }
            }
            let pending = target.retry(|store| store.pending_uploads(&folder)).await?;
            verified.pending_uploads += pending.len() as u64;
        }
        Ok(())
    }

    fn one(
        &self,
        target: &Target,
        object: &Listed,
        verified: &mut Verified,
    ) -> Result<(), Violation> {
        match FileName::parse_exactly(&object.name, self.window_length) {
            None => verified.foreign_objects += 1,
            Some(name) if Some(name.window) <= self.expired_through => {
                verified.expired_files += 1;
                verified.expired_bytes += object.len;
            }
            Some(name) if self.named.contains(&name) => {}
            Some(name) => {
                let in_parts = object.len > target.store.part_size() as u64;
                unnamed(object, &name, in_parts, self.claims, verified)?;
            }
        }
        Ok(())
    }
}

fn unnamed(
    object: &Listed,
    name: &FileName,
    in_parts: bool,
    claims: &Claims,
    verified: &mut Verified,
) -> Result<(), Violation> {
    let in_flight = if in_parts {
        UPLOAD_IN_FLIGHT_MS
    } else {
        PUT_IN_FLIGHT_MS
    };
    let cleaned = claims.cleaned.iter().next_back();
    if let (Some(written_by), Some((newest, begun))) =
        (claims.generations.get(&name.claim), cleaned)
        && written_by < newest
        && object.modified.saturating_add(in_flight) < *begun
    {
        let detail = format!(
            "no commit names it; its claim (of generation {written_by}) was over when generation \
             {newest} cleaned up"
        );
        return Err(Violation::new("verify.unnamed_file", &object.name, detail));
    }
    verified.unnamed_files += 1;
    verified.unnamed_bytes += object.len;
    Ok(())
}
