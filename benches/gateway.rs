//! What a gateway pays that keeps the tokens of many devices: signing all of them, looking all of them up,
//! and the memory of one.
//!
//! Figures are for the whole fleet: divided by its size, `mint/1` and `mint/100000` differ by what the
//! caches of the processor do not hold. Memory is counted in the allocator, for a device whose key is in
//! memory and which has a token, and printed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hubward::sas::{CachedToken, TokenCache, TokenPolicy, TokenSchedule};
use hubward::{DeviceId, HubHost, ResourceUri, SasSigner, SymmetricKey, UnixTime};

const SIZES: [usize; 3] = [1, 1000, 100_000];
const START: u64 = 1_800_000_000;
/// The last moment of ten digits, as those of the next centuries have.
const END: u64 = 9_999_990_000;

/// Counts the bytes that are in use.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the ones asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Caches with a token each, renewed at moments of their own.
fn fleet(size: usize) -> Vec<TokenCache> {
    let host = HubHost::new("contoso.azure-devices.net").unwrap();
    let mut caches = Vec::with_capacity(size);
    for number in 0..size {
        let device = DeviceId::new(&format!("device-{number:07}")).unwrap();
        let resource = ResourceUri::device(&host, &device);
        let key = SymmetricKey::from_bytes(&[0x5A; 32]).unwrap();
        let signer = SasSigner::new(key, &resource).unwrap();
        let mut cache = TokenCache::for_signer(signer, TokenPolicy::default());
        assert!(matches!(cache.poll(UnixTime::from_secs(START)), CachedToken::Use { .. }));
        caches.push(cache);
    }
    caches
}

fn print_memory() {
    const DEVICES: usize = 1000;
    let before = BYTES.load(Ordering::Relaxed);
    let fleet = fleet(DEVICES);
    let bytes = BYTES.load(Ordering::Relaxed) - before;
    drop(black_box(fleet));
    println!(
        "memory of a device: {} bytes, of which {} are the TokenCache itself; a TokenSchedule alone has {}",
        bytes / DEVICES,
        size_of::<TokenCache>(),
        size_of::<TokenSchedule>()
    );
}

fn gateway(criterion: &mut Criterion) {
    print_memory();

    let mut group = criterion.benchmark_group("mint");
    for size in SIZES {
        let mut fleet = fleet(size);
        group.throughput(Throughput::Elements(u64::try_from(size).unwrap()));
        let mut now = START;
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| {
                // A period later all of them are due, and so they are where the clock went back.
                now = if now < END { now + 2880 } else { START };
                for cache in &mut fleet {
                    let answer = cache.poll(black_box(UnixTime::from_secs(now)));
                    assert!(matches!(answer, CachedToken::Use { is_new: true, .. }));
                }
            });
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("poll");
    for size in SIZES {
        let mut fleet = fleet(size);
        group.throughput(Throughput::Elements(u64::try_from(size).unwrap()));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| {
                for cache in &mut fleet {
                    let answer = cache.poll(black_box(UnixTime::from_secs(START)));
                    assert!(matches!(answer, CachedToken::Use { is_new: false, .. }));
                }
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).sample_size(20);
    targets = gateway
}
criterion_main!(benches);
