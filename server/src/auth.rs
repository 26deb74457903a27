//! Who a bearer token speaks for, and where.

use holm::protocol::message::Refusal;
use holm::protocol::refusal::{FORBIDDEN, NEEDS_AUTH};
use serde::Deserialize;
use std::fmt;
use subtle::ConstantTimeEq;

/// A token that is known.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The token.
    pub token: String,
    /// Who it speaks for.
    pub subject: String,
    /// The spaces it may use; every space, if there is no list.
    pub spaces: Option<Vec<String>>,
}

/// Without the token, which must not get into a log.
impl fmt::Debug for Grant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Grant({} in {:?})", self.subject, self.spaces)
    }
}

/// The tokens that are known.
#[derive(Debug)]
pub struct Tokens(Vec<Grant>);

impl Tokens {
    /// Of these grants.
    pub fn new(grants: Vec<Grant>) -> Self {
        Self(grants)
    }

    /// The subject of a token in a space, or why there is none. Takes as long whichever token
    /// matches.
    pub fn subject(&self, token: Option<&str>, space: &str) -> Result<&str, Refusal> {
        let token = token.unwrap_or_default().as_bytes();
        let mut found = None;
        for grant in &self.0 {
            if bool::from(grant.token.as_bytes().ct_eq(token)) {
                found = Some(grant);
            }
        }
        let Some(grant) = found else {
            return Err(Refusal::new(
                NEEDS_AUTH,
                "the token is missing, unknown or expired",
            ));
        };
        let is_allowed = |spaces: &Vec<String>| spaces.iter().any(|allowed| allowed == space);
        if grant.spaces.as_ref().is_none_or(is_allowed) {
            return Ok(&grant.subject);
        }
        Err(Refusal::new(FORBIDDEN, "the token may not use this space"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_speaks_for_its_subject_in_its_spaces() {
        let grant = |token: &str, spaces: Option<Vec<String>>| Grant {
            token: token.into(),
            subject: format!("subject of {token}"),
            spaces,
        };
        let tokens = Tokens::new(vec![
            grant("a", None),
            grant("b", Some(vec!["films".into()])),
        ]);
        assert_eq!(tokens.subject(Some("a"), "any"), Ok("subject of a"));
        assert_eq!(tokens.subject(Some("b"), "films"), Ok("subject of b"));
        assert_eq!(
            tokens.subject(Some("b"), "other").unwrap_err().code,
            "forbidden"
        );
        for token in [None, Some(""), Some("aa"), Some("A")] {
            assert_eq!(
                tokens.subject(token, "films").unwrap_err().code,
                "needs_auth"
            );
        }
    }

    #[test]
    fn a_grant_is_shown_without_its_token() {
        let grant = Grant {
            token: "secret".into(),
            subject: "ann".into(),
            spaces: None,
        };
        assert!(!format!("{grant:?}").contains("secret"));
    }
}
