//! Undoing the encodings that scripts hide behind. Everything is bounded by a [`Budget`].
