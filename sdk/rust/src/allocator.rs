//! The guests' allocator: small blocks come from lists of free ones, everything else from the system's
//! allocator, which in WebAssembly takes ten times as long over a small block as a native one does. Guests
//! that work on trees of small values (a jq program, a JSON document) are bound by that.
//!
//! Blocks of up to [`SMALL`] bytes are rounded up to a class of [`STEP`] bytes and cut from chunks. A freed block
//! goes to the list of its class and is used again by the next of that class; chunks are never given
//! back, as the instance ends with the attempt.
//!
//! It is the global allocator of components unless the crate's feature `allocator` is off.

#![allow(unsafe_code, reason = "an allocator hands out raw memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;

/// Bytes between two classes, and the alignment of all blocks.
const STEP: usize = 16;
/// Largest small block.
const SMALL: usize = 512;
const CLASSES: usize = SMALL / STEP;
/// Bytes that are asked of the system's allocator at once.
const CHUNK: usize = 32 << 10;

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: Pools = Pools::new();

/// See the module's header.
pub(crate) struct Pools(UnsafeCell<Lists>);

struct Lists {
    /// The first free block of each class; each holds the address of the next.
    free: [*mut u8; CLASSES],
    /// What is left of the last chunk.
    rest: *mut u8,
    rest_bytes: usize,
}

// SAFETY: a component of wasm32-wasip2 has one thread; elsewhere the type is used by tests, one thread each.
unsafe impl Sync for Pools {}

impl Pools {
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new(Lists {
            free: [ptr::null_mut(); CLASSES],
            rest: ptr::null_mut(),
            rest_bytes: 0,
        }))
    }
}

/// The class of a layout; none if it is left to the system's allocator.
fn class(size: usize, align: usize) -> Option<usize> {
    (size <= SMALL && align <= STEP).then(|| size.saturating_sub(1) / STEP)
}

impl Lists {
    fn take(&mut self, class: usize) -> *mut u8 {
        let Some(first) = self.free.get_mut(class) else { return ptr::null_mut() };
        if !first.is_null() {
            let block = *first;
            // SAFETY: a free block is at least `STEP` bytes of ours, and `give` wrote the next one's address there.
            *first = unsafe { block.cast::<*mut u8>().read() };
            return block;
        }
        let bytes = (class + 1) * STEP;
        if self.rest_bytes < bytes {
            let Ok(layout) = Layout::from_size_align(CHUNK, STEP) else { return ptr::null_mut() };
            // SAFETY: the layout is not empty.
            let chunk = unsafe { System.alloc(layout) };
            if chunk.is_null() {
                return chunk;
            }
            (self.rest, self.rest_bytes) = (chunk, CHUNK);
        }
        let block = self.rest;
        // SAFETY: `bytes` are left of the chunk.
        self.rest = unsafe { block.add(bytes) };
        self.rest_bytes -= bytes;
        block
    }

    fn give(&mut self, block: *mut u8, class: usize) {
        if let Some(first) = self.free.get_mut(class) {
            // SAFETY: the block is ours again, at least `STEP` bytes long and aligned.
            unsafe { block.cast::<*mut u8>().write(*first) };
            *first = block;
        }
    }
}

// SAFETY: blocks of a class come from chunks, are disjoint, aligned to `STEP` and as long as the class says; all
// others come from `System` and go back there. A block's class follows from its layout alone.
unsafe impl GlobalAlloc for Pools {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class(layout.size(), layout.align()) {
            // SAFETY: nobody else has the lists: there is one thread, and `take` calls nothing that allocates here.
            Some(class) => unsafe { &mut *self.0.get() }.take(class),
            // SAFETY: the caller's promise.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class(layout.size(), layout.align()) {
            // SAFETY: as in `alloc`.
            Some(class) => unsafe { &mut *self.0.get() }.give(block, class),
            // SAFETY: the caller's promise; a block without a class is the system's.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (old, new) = (class(layout.size(), layout.align()), class(size, layout.align()));
        match (old, new) {
            // SAFETY: the caller's promise; both are the system's.
            (None, None) => unsafe { System.realloc(block, layout, size) },
            (Some(old), Some(new)) if old == new => block,
            (None | Some(_), None | Some(_)) => {
                let Ok(moved) = Layout::from_size_align(size, layout.align()) else { return ptr::null_mut() };
                // SAFETY: the caller's promise: the block is as long as its layout says, and `size` is not 0.
                unsafe {
                    let to = self.alloc(moved);
                    if !to.is_null() {
                        ptr::copy_nonoverlapping(block, to, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                    to
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that are the same every time.
    fn random(state: &mut u64) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*state >> 40).unwrap()
    }

    /// A block that is filled with a byte of its own.
    struct Block {
        at: *mut u8,
        layout: Layout,
        fill: u8,
    }

    impl Block {
        fn check(&self, length: usize) {
            for at in 0..length {
                // SAFETY: within the block.
                assert_eq!(unsafe { self.at.add(at).read() }, self.fill);
            }
        }

        fn fill(&self) {
            // SAFETY: the whole block.
            unsafe { self.at.write_bytes(self.fill, self.layout.size()) };
        }
    }

    #[test]
    fn blocks_are_aligned_keep_what_is_in_them_and_never_overlap() {
        let pools = Pools::new();
        let mut state = 7;
        let mut blocks: Vec<Block> = Vec::new();
        for round in 0..60_000_usize {
            let choice = random(&mut state) % 10;
            let size = 1 + random(&mut state) % [24, 200, 700, 3_000][random(&mut state) % 4];
            if choice < 5 || blocks.is_empty() {
                let layout = Layout::from_size_align(size, [1, 8, 16, 64][random(&mut state) % 4]).unwrap();
                // SAFETY: the layout is not empty.
                let at = unsafe { pools.alloc(layout) };
                assert_eq!(at.align_offset(layout.align()), 0);
                let block = Block { at, layout, fill: round as u8 };
                block.fill();
                blocks.push(block);
                continue;
            }
            let mut block = blocks.swap_remove(random(&mut state) % blocks.len());
            block.check(block.layout.size());
            if choice < 8 {
                // SAFETY: the block is from `pools` and not used any more.
                unsafe { pools.dealloc(block.at, block.layout) };
            } else {
                // SAFETY: the block is from `pools`, and the size is not 0.
                block.at = unsafe { pools.realloc(block.at, block.layout, size) };
                block.check(block.layout.size().min(size));
                block.layout = Layout::from_size_align(size, block.layout.align()).unwrap();
                block.fill();
                blocks.push(block);
            }
        }
        for block in blocks {
            block.check(block.layout.size());
            // SAFETY: as above.
            unsafe { pools.dealloc(block.at, block.layout) };
        }
    }
}
