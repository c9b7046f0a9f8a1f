use super::*;
use crate::spool::SpoolOptions;

fn decoded(content: &[u8]) -> Vec<Bytes> {
    let bytes = zstd::bulk::decompress(content, BATCH_BYTES_MAX).expect("zstd");
    wire::Alerts::decode(Bytes::from(bytes))
        .expect("alerts")
        .documents
}

#[test]
fn alerts_come_out_in_order_and_none_is_lost_at_the_end() {
    let number = u64::from_le_bytes(crate::token::random().expect("random"));
    let folder = std::env::temp_dir().join(format!("yagura-queue-{number:x}"));
    let spool = Arc::new(Spool::open(&folder, SpoolOptions::default()).expect("spool"));
    let queue = AlertQueue::start(Arc::clone(&spool)).expect("queue");
    let sender = queue.sender();
    for index in 0..5000 {
        sender.send(format!("{index}")).expect("send");
    }
    sender.flush().expect("flush");
    assert_eq!(*queue.spooled().borrow(), spool.accepted());
    sender.send("last").expect("send");
    assert_eq!(
        sender.send(vec![0; ALERT_BYTES_MAX + 1]),
        Err(SendError::TooLong(ALERT_BYTES_MAX + 1))
    );
    queue.close();
    assert_eq!(sender.send("late"), Err(SendError::Closed));
    let batches = spool.read_after(0, 10_000, usize::MAX).expect("read");
    let alerts: Vec<Bytes> = batches
        .iter()
        .flat_map(|batch| decoded(&batch.content))
        .collect();
    assert_eq!(alerts.len(), 5001);
    assert!(
        batches.len() <= 5001
            && batches
                .iter()
                .all(|batch| decoded(&batch.content).len() <= BATCH_ALERTS_MAX)
    );
    assert!((0..5000).all(|index| alerts[index] == format!("{index}")));
    std::fs::remove_dir_all(&folder).expect("remove");
}

#[test]
fn what_does_not_compress_is_split() {
    let number = u64::from_le_bytes(crate::token::random().expect("random"));
    let folder = std::env::temp_dir().join(format!("yagura-queue-{number:x}"));
    let spool = Arc::new(Spool::open(&folder, SpoolOptions::default()).expect("spool"));
    let (_queue, queued) = sync_channel(1);
    let (told, _) = watch::channel(0);
    let writer = Writer {
        spool: Arc::clone(&spool),
        queued,
        told,
        retries: Arc::default(),
    };
    let mut state = 1u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    let alerts: Vec<Bytes> = (0..6)
        .map(|_| (0..ALERT_BYTES_MAX).map(|_| noise()).collect())
        .collect();
    writer.write(alerts.clone());
    let batches = spool.read_after(0, 10, usize::MAX).expect("read");
    let found: Vec<Bytes> = batches
        .iter()
        .flat_map(|batch| decoded(&batch.content))
        .collect();
    assert!(batches.len() > 1 && found == alerts);
    std::fs::remove_dir_all(&folder).expect("remove");
}
