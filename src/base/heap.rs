//! How much memory a value has on the heap, for those who keep account of it.

/// Bytes that an allocation takes beside its content, about: what the allocator keeps with it, and rounding.
pub const PER_ALLOCATION: usize = 16;

/// Bytes on the heap of a collection with room for `capacity` values of type `T`, without what these have there themselves.
pub const fn of<T>(capacity: usize) -> usize {
    match capacity.saturating_mul(size_of::<T>()) {
        0 => 0,
        bytes => bytes.saturating_add(PER_ALLOCATION),
    }
}

/// Bytes on the heap of a boxed `T`.
pub const fn of_box<T>() -> usize {
    of::<T>(1)
}

/// Gives back the spare room of a long list. A short one is not worth the call.
pub fn trim<T>(list: &mut Vec<T>) {
    if list.capacity() > LONG && list.capacity() > list.len() {
        list.shrink_to_fit();
    }
}

/// Appends `piece` to `bytes`. What is long does not get twice the room when it has to grow, only a quarter more.
pub fn extend(bytes: &mut Vec<u8>, piece: &[u8]) {
    let spare = bytes.capacity().saturating_sub(bytes.len());
    if spare < piece.len() && bytes.len() > LARGE {
        bytes.reserve_exact(piece.len().max(bytes.len() / 4));
    }
    bytes.extend_from_slice(piece);
}

/// From so many bytes on, room is given out with care.
const LARGE: usize = 8 << 10;
/// A list has as many values at the least to be long.
const LONG: usize = 64;
