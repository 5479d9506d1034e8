//! Sixteen numbers side by side: what every inner loop works on.

/// Numbers in a lane group.
pub const LANES: usize = 16;

/// Sixteen numbers in a cache line of their own: a load that crosses two lines takes twice as long.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub struct Lanes(pub [f32; LANES]);

/// Lane groups that arrays of a number per synapse are longer in memory than they need to be: 64 KiB.
const APART: usize = 1024;

impl Lanes {
    /// `count` groups of zeros, for an array that is read and written beside others of its length.
    ///
    /// There is room to spare behind them: arrays of a power of two that lie one after the other have equal elements
    /// at nearly equal places of the caches, and drive each other out. Measured: a fifth of the time of an update.
    pub fn zeros(count: usize) -> Vec<Self> {
        if count == 0 {
            return Vec::new();
        }
        let mut groups = Vec::with_capacity(count + APART);
        ask_for_large_pages(&mut groups);
        groups.resize(count, Self::default());
        groups
    }

    /// All numbers one after the other.
    pub fn flat(groups: &[Self]) -> &[f32] {
        // SAFETY: `Lanes` is sixteen f32 and nothing else (repr(C), 64 bytes, its own alignment): a slice of n of
        // them is 16 n valid f32, aligned to more than they need, borrowed for as long.
        unsafe { std::slice::from_raw_parts(groups.as_ptr().cast(), groups.len() * LANES) }
    }

    /// All numbers one after the other.
    pub fn flat_mut(groups: &mut [Self]) -> &mut [f32] {
        // SAFETY: as in `flat`; any f32 is valid in a `Lanes`, and the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(groups.as_mut_ptr().cast(), groups.len() * LANES) }
    }
}

/// Tells the system that a large array would do well in large pages: it is gone through from end to end in every step,
/// and one entry of the processor's address cache then serves 2 MiB. Measured: 5 % of a step at 4096 units.
#[cfg(target_os = "linux")]
fn ask_for_large_pages(groups: &mut Vec<Lanes>) {
    const PAGE: usize = 2 << 20;
    let room = groups.spare_capacity_mut();
    let skipped = room.as_ptr().cast::<u8>().align_offset(PAGE);
    let bytes = size_of_val(room).saturating_sub(skipped) / PAGE * PAGE;
    if bytes > 0 {
        // SAFETY: the range lies within memory that the vector owns and nothing else uses; the advice changes how the
        // system backs it, not what it holds. Where the advice is not taken, nothing changes.
        unsafe { libc::madvise(room.as_mut_ptr().byte_add(skipped).cast(), bytes, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn ask_for_large_pages(_: &mut Vec<Lanes>) {}
