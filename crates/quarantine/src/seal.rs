//! The form of a stored file: content in sealed chunks, sealed metadata behind it.
//!
//! ```text
//! header    magic and version 8, id 8, nonce prefix 19
//! content   chunks of 64 KiB, the last one shorter or even empty, each with a tag of 16 bytes
//! metadata  JSON with a tag of 16 bytes
//! trailer   length of the sealed metadata, 4 bytes, little-endian
//! ```
//!
//! Each chunk is sealed by XChaCha20-Poly1305 under prefix ‖ number of the chunk (4 bytes) ‖ what it is (1 byte: more
//! content, the last of the content, metadata), with the header as associated data. So chunks can't be left out,
//! repeated, moved, or taken from another item, and the end can't be cut off.
//!
//! Source: the STREAM construction, Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its
//! Nonce-Reuse Misuse-Resistance", 2015.

use crate::id::ItemId;
use crate::key::Key;
use crate::limits::{CHUNK_BYTES, METADATA_BYTES_MAX};
use chacha20poly1305::XNonce;
use chacha20poly1305::aead::AeadInOut as _;
use sha2::{Digest as _, Sha256 as Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use yagura_event::Sha256;

/// The beginning of every item; the last byte is the version of the form.
const MAGIC: [u8; 8] = *b"YGQUAR\0\x01";
/// Bytes of a tag.
const TAG_BYTES: usize = 16;
const PREFIX_BYTES: usize = 19;
pub(crate) const HEADER_BYTES: usize = MAGIC.len() + 8 + PREFIX_BYTES;
const TRAILER_BYTES: usize = 4;

/// What a sealed chunk is; part of its nonce.
#[derive(Debug, Clone, Copy)]
enum Part {
    More = 0,
    Last = 1,
    Metadata = 2,
}

/// Why a file could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The file can't be read.
    #[error("the file can't be read")]
    Read(#[source] io::Error),
    /// The store can't be written.
    #[error("the store can't be written")]
    Write(#[source] io::Error),
    /// There is more of it than may be stored.
    #[error("larger than {bytes_max} bytes")]
    TooLarge {
        /// The bound in bytes.
        bytes_max: u64,
    },
    /// The cipher takes no more.
    #[error("more than the cipher can seal")]
    Cipher,
}

/// Why a stored file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum UnsealError {
    /// The store can't be read.
    #[error("the store can't be read")]
    Read(#[source] io::Error),
    /// What was opened can't be written.
    #[error("the content can't be written")]
    Write(#[source] io::Error),
    /// It does not begin as an item does, or as one of another version.
    #[error("not an item of this version")]
    Form,
    /// It is the item of another id, under a changed name.
    #[error("it is item {found}")]
    OtherItem {
        /// The id inside.
        found: ItemId,
    },
    /// A length in it can't be, or it ends too early.
    #[error("its length is wrong: it was cut or changed")]
    Length,
    /// A chunk was not sealed by this store's key as it is now.
    #[error("chunk {chunk} was changed, or sealed by another key")]
    Chunk {
        /// Number of the chunk, the first is 0.
        chunk: u32,
    },
    /// The metadata was not sealed by this store's key as it is now.
    #[error("its metadata was changed, or sealed by another key")]
    Metadata,
    /// The content is not the one that was stored.
    #[error("its content does not have the digest that it had")]
    Digest,
}

/// The beginning of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: ItemId,
    pub(crate) prefix: [u8; PREFIX_BYTES],
}

impl Header {
    /// A header of an item that is not there yet.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub(crate) fn new(id: ItemId) -> io::Result<Header> {
        let prefix = crate::id::random()?;
        Ok(Header { id, prefix })
    }

    fn to_bytes(self) -> Vec<u8> {
        [MAGIC.as_slice(), &self.id.0, &self.prefix].concat()
    }

    fn read(from: &mut impl Read) -> Result<Header, UnsealError> {
        let mut magic = [0; MAGIC.len()];
        let mut header = Header {
            id: ItemId([0; 8]),
            prefix: [0; PREFIX_BYTES],
        };
        read_exact(from, &mut magic)?;
        if magic != MAGIC {
            return Err(UnsealError::Form);
        }
        read_exact(from, &mut header.id.0)?;
        read_exact(from, &mut header.prefix)?;
        Ok(header)
    }

    fn nonce(&self, chunk: u32, part: Part) -> XNonce {
        let mut nonce = [0; PREFIX_BYTES + 5];
        let parts = self.prefix.iter().copied();
        let parts = parts.chain(chunk.to_be_bytes()).chain([part as u8]);
        nonce
            .iter_mut()
            .zip(parts)
            .for_each(|(to, from)| *to = from);
        nonce.into()
    }
}

/// What was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) size: u64,
    pub(crate) sha256: Sha256,
}

/// Seals header and content, without the metadata.
///
/// # Errors
/// [`SealError`], all variants.
pub(crate) fn seal(
    key: &Key,
    header: &Header,
    content: impl Read,
    bytes_max: u64,
    out: &mut impl Write,
) -> Result<Sealed, SealError> {
    let head = header.to_bytes();
    out.write_all(&head).map_err(SealError::Write)?;
    let mut content = content.take(bytes_max.saturating_add(1));
    let mut hasher = Hasher::new();
    let (mut size, mut chunk) = (0u64, 0u32);
    let mut current = read_chunk(&mut content).map_err(SealError::Read)?;
    loop {
        size += current.len() as u64;
        if size > bytes_max {
            return Err(SealError::TooLarge { bytes_max });
        }
        hasher.update(&current);
        let next = read_chunk(&mut content).map_err(SealError::Read)?;
        let part = if next.is_empty() {
            Part::Last
        } else {
            Part::More
        };
        key.cipher()
            .encrypt_in_place(&header.nonce(chunk, part), &head, &mut current)
            .map_err(|_| SealError::Cipher)?;
        out.write_all(&current).map_err(SealError::Write)?;
        if next.is_empty() {
            break;
        }
        chunk = chunk.checked_add(1).ok_or(SealError::Cipher)?;
        current = next;
    }
    Ok(Sealed {
        size,
        sha256: Sha256(hasher.finalize().into()),
    })
}

/// Seals the metadata behind the content.
///
/// # Errors
/// [`SealError::Write`], [`SealError::TooLarge`], [`SealError::Cipher`].
pub(crate) fn seal_metadata(
    key: &Key,
    header: &Header,
    json: &[u8],
    out: &mut impl Write,
) -> Result<(), SealError> {
    if json.len() > METADATA_BYTES_MAX {
        return Err(SealError::TooLarge {
            bytes_max: METADATA_BYTES_MAX as u64,
        });
    }
    let mut sealed = json.to_vec();
    key.cipher()
        .encrypt_in_place(
            &header.nonce(0, Part::Metadata),
            &header.to_bytes(),
            &mut sealed,
        )
        .map_err(|_| SealError::Cipher)?;
    let length = u32::try_from(sealed.len()).map_err(|_| SealError::Cipher)?;
    out.write_all(&sealed).map_err(SealError::Write)?;
    out.write_all(&length.to_le_bytes())
        .map_err(SealError::Write)
}

/// Opens the metadata of an item.
///
/// # Errors
/// [`UnsealError`]: `Read`, `Form`, `OtherItem`, `Length`, `Metadata`.
pub(crate) fn unseal_metadata(
    key: &Key,
    id: ItemId,
    from: &mut (impl Read + Seek),
) -> Result<(Header, Vec<u8>), UnsealError> {
    let length = from.seek(SeekFrom::End(0)).map_err(UnsealError::Read)?;
    from.rewind().map_err(UnsealError::Read)?;
    let header = Header::read(from)?;
    if header.id != id {
        return Err(UnsealError::OtherItem { found: header.id });
    }
    let trailer = length
        .checked_sub(TRAILER_BYTES as u64)
        .ok_or(UnsealError::Length)?;
    from.seek(SeekFrom::Start(trailer))
        .map_err(UnsealError::Read)?;
    let mut sealed_length = [0; TRAILER_BYTES];
    read_exact(from, &mut sealed_length)?;
    let sealed_length = u32::from_le_bytes(sealed_length);
    let start = trailer
        .checked_sub(sealed_length.into())
        .filter(|start| *start >= HEADER_BYTES as u64)
        .ok_or(UnsealError::Length)?;
    let sealed_length = usize::try_from(sealed_length).map_err(|_| UnsealError::Length)?;
    if sealed_length > METADATA_BYTES_MAX + TAG_BYTES {
        return Err(UnsealError::Length);
    }
    from.seek(SeekFrom::Start(start))
        .map_err(UnsealError::Read)?;
    let mut sealed = vec![0; sealed_length];
    read_exact(from, &mut sealed)?;
    key.cipher()
        .decrypt_in_place(
            &header.nonce(0, Part::Metadata),
            &header.to_bytes(),
            &mut sealed,
        )
        .map_err(|_| UnsealError::Metadata)?;
    Ok((header, sealed))
}

/// Opens the content of an item. A chunk is written as soon as it is known to be whole; that all of them are is known when
/// this returns.
///
/// # Errors
/// [`UnsealError`]: `Read`, `Write`, `Length`, `Chunk`, `Digest`.
pub(crate) fn unseal(
    key: &Key,
    header: &Header,
    expected: Sealed,
    from: &mut (impl Read + Seek),
    out: &mut impl Write,
) -> Result<(), UnsealError> {
    let head = header.to_bytes();
    from.seek(SeekFrom::Start(HEADER_BYTES as u64))
        .map_err(UnsealError::Read)?;
    let mut hasher = Hasher::new();
    let (mut left, mut chunk) = (expected.size, 0u32);
    loop {
        let length = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        left -= length as u64;
        let part = if left == 0 { Part::Last } else { Part::More };
        let mut content = vec![0; length + TAG_BYTES];
        read_exact(from, &mut content)?;
        key.cipher()
            .decrypt_in_place(&header.nonce(chunk, part), &head, &mut content)
            .map_err(|_| UnsealError::Chunk { chunk })?;
        hasher.update(&content);
        out.write_all(&content).map_err(UnsealError::Write)?;
        if left == 0 {
            break;
        }
        chunk = chunk.checked_add(1).ok_or(UnsealError::Length)?;
    }
    match expected.sha256.0 == <[u8; 32]>::from(hasher.finalize()) {
        true => Ok(()),
        false => Err(UnsealError::Digest),
    }
}

/// One chunk, shorter only at the end.
fn read_chunk(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES + TAG_BYTES);
    from.take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
    Ok(chunk)
}

fn read_exact(from: &mut impl Read, buffer: &mut [u8]) -> Result<(), UnsealError> {
    from.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => UnsealError::Length,
        _ => UnsealError::Read(error),
    })
}

#[cfg(test)]
mod tests;
