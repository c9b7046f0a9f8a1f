//! Sensors, centers and the database are killed at random moments while counted alerts flow: what a sensor accepted on its
//! disk is stored, once.

use super::center_counted::{CountedSensor, Order};
use super::center_replicas::{Site, eventually, has_postgres};
use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};

/// Sensors, half of them on each replica.
const SENSORS: u64 = 4;
/// Replicas of the center.
const REPLICAS: usize = 2;
/// How often each of [`VICTIMS`] is killed.
const ROUNDS: u64 = 4;
/// Alerts that are accepted between two kills at most: about a second and a half.
const BETWEEN_MAX: u64 = 1_500;
/// Alerts that are accepted while something is down at most.
const DOWN_MAX: u64 = 1_000;
/// The seed of another run, to see it again.
const SEED: &str = "YAGURA_TEST_SEED";

#[derive(Debug, Clone, Copy)]
enum Victim {
    Sensor,
    Center,
    Database,
}

/// Who is killed in a round, in a random order.
const VICTIMS: [Victim; 5] = [
    Victim::Sensor,
    Victim::Center,
    Victim::Database,
    Victim::Center,
    Victim::Sensor,
];

/// Numbers that follow from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap()
    }
}

/// How many alerts sensors have accepted.
fn total(sensors: &[CountedSensor]) -> u64 {
    sensors.iter().map(CountedSensor::total).sum()
}

struct Scene {
    site: Site,
    sensors: Vec<CountedSensor>,
    random: Random,
}

impl Scene {
    fn start(seed: u64) -> Scene {
        let site = Site::start(REPLICAS);
        let token = site.enrolment_token();
        let order = |index: u64| Order {
            center: site.replicas[usize::try_from(index).unwrap() % REPLICAS]
                .sensors
                .to_string(),
            token: token.clone(),
            state: site.scratch.path(&format!("sensor{index}")),
            index,
        };
        let sensors = (0..SENSORS).map(|index| CountedSensor::start(order(index)));
        Scene {
            sensors: sensors.collect(),
            random: Random(seed),
            site,
        }
    }

    /// Waits until sensors have accepted a random number of alerts more.
    fn flow(&mut self, most: u64) {
        let goal = total(&self.sensors) + 1 + self.random.below(most);
        let Scene { site, sensors, .. } = self;
        eventually("more alerts", || {
            site.supervise();
            (total(sensors) >= goal).then_some(())
        });
    }

    fn kill(&mut self, victim: Victim) {
        match victim {
            Victim::Sensor => {
                let index = self.random.index(self.sensors.len());
                self.sensors[index].kill_and_start();
            }
            Victim::Center => {
                let index = self.random.index(REPLICAS);
                self.site.replicas[index].kill();
                // Its supervisor takes a moment.
                let goal = total(&self.sensors) + self.random.below(DOWN_MAX);
                eventually("more alerts", || {
                    (total(&self.sensors) >= goal).then_some(())
                });
                self.site.replicas[index].start_again();
            }
            Victim::Database => {
                self.site.postgres.kill();
                self.flow(DOWN_MAX);
                self.site.postgres.start_again().unwrap();
            }
        }
    }

    /// Waits until more is stored than was: what is killed all the time still gets on.
    fn wait_for_progress(&mut self) {
        let before = self.site.stored().len();
        let site = &mut self.site;
        eventually("alerts in the store", || {
            site.supervise();
            (site.stored().len() > before).then_some(())
        });
    }

    /// Waits until every sensor's spool is empty.
    fn drain(&mut self) {
        self.sensors
            .iter_mut()
            .for_each(CountedSensor::kill_and_drain);
        let Scene { site, sensors, .. } = self;
        eventually("empty spools", || {
            site.supervise();
            sensors
                .iter()
                .all(CountedSensor::has_delivered)
                .then_some(())
        });
    }
}

#[test]
fn what_a_sensor_accepted_is_stored_once_whoever_is_killed() {
    if !has_postgres("kills") {
        return;
    }
    let given = std::env::var(SEED).ok().map(|seed| seed.parse().unwrap());
    let seed = given.unwrap_or_else(|| RandomState::new().hash_one("seed"));
    eprintln!("{SEED}={seed}");
    let mut scene = Scene::start(seed);
    for _ in 0..ROUNDS {
        let mut victims = VICTIMS.to_vec();
        while !victims.is_empty() {
            let victim = victims.remove(scene.random.index(victims.len()));
            scene.flow(BETWEEN_MAX);
            eprintln!("{victim:?} is killed");
            scene.kill(victim);
        }
        scene.wait_for_progress();
    }
    scene.drain();
    let rows = scene.site.stored();
    let stored: BTreeSet<&String> = rows.iter().collect();
    assert_eq!(rows.len(), stored.len(), "alerts are stored twice");
    let accepted: Vec<String> = scene.sensors.iter().flat_map(CountedSensor::ids).collect();
    eprintln!("{} accepted, {} stored", accepted.len(), rows.len());
    assert!(accepted.len() > 1_000, "hardly any alert was accepted");
    let lost: Vec<&String> = accepted.iter().filter(|id| !stored.contains(id)).collect();
    assert!(
        lost.is_empty(),
        "{} accepted alerts are lost, such as {:?}",
        lost.len(),
        lost[0]
    );
}
