//! What a gateway pays that keeps the tokens of many devices: making the signers and signing for the first
//! time, signing for all of them, looking all of them up, and the memory of one.
//!
//! What a fleet takes before anything is measured is printed: for each size the memory, counted in the
//! allocator, and the time of its start, divided by its devices. The figures of Criterion are for the whole
//! fleet, with how many devices that is a second: those are the same for every size, give or take what the
//! caches of the processor do not hold, which shows that the cost grows with the fleet and no faster.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group,
    criterion_main,
};
use hubward::sas::{CachedToken, TokenCache, TokenPolicy, TokenSchedule};
use hubward::{DeviceId, HubHost, ResourceUri, SasSigner, SymmetricKey, UnixTime};

const SIZES: [usize; 4] = [1, 1000, 100_000, 1_000_000];
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

/// A fleet, and on standard output what each of its devices takes.
fn started(size: usize) -> Vec<TokenCache> {
    let (before, start) = (BYTES.load(Ordering::Relaxed), Instant::now());
    let fleet = black_box(fleet(size));
    let nanos = start.elapsed().as_nanos() / u128::try_from(size).unwrap();
    let bytes = (BYTES.load(Ordering::Relaxed) - before) / size;
    println!("{size} devices: {bytes} bytes each, started in {nanos} ns each");
    fleet
}

/// The group as it is for a fleet of that size: one that is large has few rounds.
fn set_for(group: &mut BenchmarkGroup<'_, WallTime>, size: usize) {
    let is_large = size >= 100_000;
    group.throughput(Throughput::Elements(u64::try_from(size).unwrap()));
    group.sample_size(if is_large { 10 } else { 20 });
    group.sampling_mode(if is_large { SamplingMode::Flat } else { SamplingMode::Auto });
}

fn gateway(criterion: &mut Criterion) {
    println!(
        "a TokenCache has {} bytes of its own, a TokenSchedule {}",
        size_of::<TokenCache>(),
        size_of::<TokenSchedule>()
    );
    let mut fleets = SIZES.map(started);

    let mut group = criterion.benchmark_group("poll");
    for fleet in &mut fleets {
        set_for(&mut group, fleet.len());
        group.bench_function(BenchmarkId::from_parameter(fleet.len()), |bencher| {
            bencher.iter(|| {
                for cache in fleet.iter_mut() {
                    let answer = cache.poll(black_box(UnixTime::from_secs(START)));
                    assert!(matches!(answer, CachedToken::Use { is_new: false, .. }));
                }
            });
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("mint");
    for fleet in &mut fleets {
        set_for(&mut group, fleet.len());
        let mut now = START;
        group.bench_function(BenchmarkId::from_parameter(fleet.len()), |bencher| {
            bencher.iter(|| {
                // A period later all of them are due, and so they are where the clock went back.
                now = if now < END { now + 2880 } else { START };
                for cache in fleet.iter_mut() {
                    let answer = cache.poll(black_box(UnixTime::from_secs(now)));
                    assert!(matches!(answer, CachedToken::Use { is_new: true, .. }));
                }
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(3));
    targets = gateway
}
criterion_main!(benches);
