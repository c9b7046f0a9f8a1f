//! Errors in words.

use std::error::Error;

/// An error with its causes, in one line: the first alone often says nothing.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[derive(Debug)]
    struct Told(&'static str, Option<Box<Told>>);

    impl fmt::Display for Told {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Told {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn every_cause_is_named() {
        let disk = Told("the disk is full", None);
        let file = Told("the file can't be written", Some(Box::new(disk)));
        let policy = Told("the policy is not kept", Some(Box::new(file)));
        assert_eq!(
            with_causes(&policy),
            "the policy is not kept: the file can't be written: the disk is full"
        );
    }
}
