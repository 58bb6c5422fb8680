use super::settings::Settings;

/// Roles that can be tried.
const ROLES: [&str; 2] = ["planner", "writer"];

/// Why something cannot be tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untriable {
    /// Scores come from the judge.
    #[error("a judge cannot be tried: tasks are compared by their scores, which would be its own word")]
    Judge,
    /// No such role.
    #[error("there is no role {0:?} to try a model in: it is planner or writer")]
    Role(String),
    /// Nobody asks the challenger there.
    #[error("shadow: the challenger is not asked beside the champion")]
    Shadow,
    /// Something is wrong with the settings.
    #[error("{}", .0.join("; "))]
    Settings(Vec<String>),
}

/// Whether a role may be tried in this way.
///
/// # Errors
/// When it could not be decided, or would not be run.
pub fn check(role: &str, settings: &Settings) -> Result<(), Untriable> {
    let faults = settings.faults();
    if role == "judge" {
        Err(Untriable::Judge)
    } else if !ROLES.contains(&role) {
        Err(Untriable::Role(role.to_owned()))
    } else if settings.shadow.is_some() {
        Err(Untriable::Shadow)
    } else if !faults.is_empty() {
        Err(Untriable::Settings(faults))
    } else {
        Ok(())
    }
}
