use super::*;

fn record(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// Paraphrases in clumps of different size, in an order that mixes them.
fn requests() -> Vec<String> {
    let topics = [
        "quarterly sales report",
        "electric bicycles",
        "winter sale",
        "customer complaints",
        "privacy policy",
        "holiday schedule",
        "supplier contracts",
        "server outage",
        "office move",
        "new hires",
    ];
    let forms = [
        "Write a long and careful article about the {} that our readers will understand at once",
        "Please write a long and careful article about the {} that our readers will understand at once",
        "Write a long and careful article about the {} which our readers will understand at once!",
    ];
    let unlike =
        (0..topics.len()).map(|n| topics[n].chars().rev().collect::<String>() + " " + &"abcdefghij"[n..].repeat(5));
    let of = |form: &str| topics.map(|topic| form.replace("{}", &format!("{topic} {topic} {topic}")));
    forms.iter().flat_map(|form| of(form)).chain(unlike).collect()
}

/// Pairs of near requests whose records stand in two parts.
fn leaks(signed: &[[i64; BANDS]], part: impl Fn(usize) -> Option<Split>) -> usize {
    let mut leaks = 0;
    for (n, one) in signed.iter().enumerate() {
        for (m, other) in signed.iter().enumerate().skip(n + 1) {
            let parts = part(n).zip(part(m));
            let near = one.iter().any(|band| other.contains(band));
            leaks += usize::from(parts.is_some_and(|(a, b)| a != b) && near);
        }
    }
    leaks
}

#[test]
fn near_requests_are_never_in_two_parts_which_a_split_by_record_does_not_hold() {
    // Whichever record begins a cluster names it, and so decides its part.
    let signed: Vec<[i64; BANDS]> = requests().iter().map(|request| bands(request)).collect();
    for shift in 0..40 {
        let mut known = Neighbourhood::new(0);
        let places: Vec<Place> = (0_u128..)
            .zip(&signed)
            .map(|(n, bands)| known.place(record(shift * 1_000 + n), bands, None))
            .collect();
        let by_cluster = |n: usize| (!places[n].apart).then_some(places[n].cluster.split);
        assert_eq!(leaks(&signed, by_cluster), 0);
        if shift == 0 {
            let by_record = |n: usize| Some(Split::of(&record(n as u128).to_string()));
            assert!(
                leaks(&signed, by_record) > 5,
                "the same test sees what a split by record does"
            );
        }
    }
}

#[test]
fn a_bridge_between_two_parts_stands_in_none_and_moves_nobody() {
    let mut known = Neighbourhood::new(0);
    let (left, right) = ([1; BANDS], [2; BANDS]);
    // Two clusters of different parts.
    let one = known.place(record(1), &left, None);
    let other = (2..200)
        .map(|n| {
            let mut apart = Neighbourhood::new(1);
            (n, apart.place(record(n), &right, None).cluster.split)
        })
        .find(|(_, split)| *split != one.cluster.split)
        .map(|(n, _)| known.place(record(n), &right, None))
        .unwrap();
    let mut bridge = left;
    bridge[0] = 2;
    let between = known.place(record(999), &bridge, None);
    assert_eq!((between.cluster, between.apart), (one.cluster, true));
    // Its bands are nobody's: who is near to it alone begins a cluster.
    let (_, bands) = known.into_new();
    assert_eq!(bands.iter().filter(|(_, id)| *id == one.cluster.id).count(), 1);
    assert_ne!(one.cluster.split, other.cluster.split);
}

#[test]
fn who_joins_joins_the_oldest_and_a_named_cluster_is_kept() {
    let mut known = Neighbourhood::new(7);
    let first = known.place(record(1), &[1; BANDS], None);
    assert_eq!(first.cluster.no, 8);
    assert_eq!(known.place(record(2), &[1; BANDS], None).cluster, first.cluster);
    let named = known.place(record(3), &[9; BANDS], Some(record(77)));
    assert_eq!(
        (named.cluster.id, named.cluster.split),
        (record(77), Split::of(&record(77).to_string()))
    );
    assert_eq!(known.place(record(4), &[9; BANDS], None).cluster, named.cluster);
}

/// A file that names another cluster for each copy of one request: each would be compared with all before it.
#[test]
fn of_clusters_that_are_one_request_only_so_many_have_its_bands() {
    let mut known = Neighbourhood::new(0);
    let part = |n: u128| Split::of(&record(n).to_string());
    let names: Vec<u128> = (1..2_000).filter(|n| part(*n) == part(1)).take(200).collect();
    let places: Vec<Place> = names
        .iter()
        .map(|n| known.place(record(*n), &[3; BANDS], Some(record(*n))))
        .collect();
    let apart = places.iter().filter(|place| place.apart).count();
    assert_eq!(apart, 200 - MOST_TOGETHER, "the others stand in no part");
    // Who joins is none of them.
    let joined = known.place(record(9_000), &[3; BANDS], None);
    assert!(!joined.apart && joined.cluster == places[0].cluster);
    let (_, bands) = known.into_new();
    assert_eq!(bands.len(), MOST_TOGETHER);
}
