//! Reads fields from a record one after the other; a record too short is an error, never a panic.

use crate::decode::DecodeError;

/// Sizes of the parts as the readers below consume them.
pub(crate) mod sizes {
    pub(crate) const PROGRAM: usize = 16;
    pub(crate) const HEADER: usize = 2 + 2 + 4 + 4 * 8 + PROGRAM + 4 + 4;
    pub(crate) const ROOT: usize = 16;
    pub(crate) const CREDENTIALS_PART: usize = 32;
    pub(crate) const NAMESPACES_PART: usize = 16;
    pub(crate) const FILE: usize = 8 + 4 + 4 + 3 * 8 + 6 * 4 + PROGRAM + 8;
    pub(crate) const STREAM: usize = 8 + 16 + 2 + 2 + 4;
    pub(crate) const SOCKET: usize = 8 + 4 * 2 + 2 * 16 + 2 * 2 + 4;
    pub(crate) const TARGET: usize = 4 + 4 + 8 + 8;
    pub(crate) const OPEN_KEY: usize = 2 * 8 + 4 + 4;
}

/// A place in a record.
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(DecodeError::TooShort)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_ne_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_ne_bytes(self.array()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_ne_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_ne_bytes(self.array()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_ne_bytes(self.array()?))
    }

    /// The next `count` bytes; more than `bound` is an error, since no honest record has them.
    pub(crate) fn bytes(&mut self, count: u32, bound: usize) -> Result<&'a [u8], DecodeError> {
        let count = usize::try_from(count).map_err(|_| DecodeError::TooLong)?;
        if count > bound {
            return Err(DecodeError::TooLong);
        }
        let (head, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(DecodeError::TooShort)?;
        self.rest = rest;
        Ok(head)
    }

    /// Fails if bytes are left: the lengths in the record do not add up.
    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Trailing)
        }
    }
}
