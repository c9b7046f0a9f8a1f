use super::*;
use crate::authority::Authority;

fn command(action: CommandAction) -> Command {
    Command {
        id: CommandId::generate().expect("random"),
        sensor: SensorId::generate().expect("random"),
        issued: UnixMs(1),
        expires: UnixMs(2),
        issuer: "alice".to_owned(),
        action,
    }
}

fn actions() -> Vec<CommandAction> {
    let container_id = || "c1".to_owned();
    vec![
        CommandAction::KillProcess {
            pid: 7,
            start_time: "2026-01-01T00:00:00Z".to_owned(),
            container_id: container_id(),
        },
        CommandAction::StopContainer {
            container_id: container_id(),
        },
        CommandAction::PauseContainer {
            container_id: container_id(),
        },
        CommandAction::ResumeContainer {
            container_id: container_id(),
        },
        CommandAction::IsolateContainer {
            container_id: container_id(),
        },
        CommandAction::RejoinContainer {
            container_id: container_id(),
        },
        CommandAction::QuarantineFile {
            container_id: container_id(),
            path: "/a".to_owned(),
            sha256: Some(hex::encode(&[3; 32])),
        },
        CommandAction::QuarantineFile {
            container_id: container_id(),
            path: "/a".to_owned(),
            sha256: None,
        },
        CommandAction::RestoreFile {
            quarantine_id: "q".to_owned(),
        },
        CommandAction::Scan {
            container_id: container_id(),
            path: String::new(),
        },
        CommandAction::Capture {
            container_id: String::new(),
            duration_s: 5,
        },
        CommandAction::Release {
            container_id: container_id(),
        },
        CommandAction::Enforce {
            container_id: String::new(),
        },
    ]
}

fn authority() -> Authority {
    Authority::of_pem(&Authority::generate().expect("generate")).expect("authority")
}

#[test]
fn every_command_arrives_as_it_was_signed() {
    let authority = authority();
    let keys = [authority.commands().public_key()];
    for action in actions() {
        let command = command(action);
        let signed = authority.commands().sign(&command);
        assert_eq!(verify(&signed, &keys, &command.sensor), Ok(command.clone()));
        let json = serde_json::to_string(&command.action).expect("json");
        assert!(
            json.starts_with(&format!("{{\"do\":\"{}\"", command.action.as_str())),
            "{json}"
        );
        assert_eq!(
            serde_json::from_str::<CommandAction>(&json).expect("json"),
            command.action
        );
    }
}

#[test]
fn a_command_that_anybody_else_signed_changed_or_meant_is_refused() {
    let (authority, other) = (authority(), authority());
    let keys = [authority.commands().public_key()];
    let command = command(CommandAction::StopContainer {
        container_id: "c".to_owned(),
    });
    let forged = other.commands().sign(&command);
    assert_eq!(
        verify(&forged, &keys, &command.sensor),
        Err(CommandError::Signature)
    );
    let good = authority.commands().sign(&command);
    let mut bytes = good.command.to_vec();
    for index in 0..bytes.len() {
        bytes[index] ^= 1;
        let changed = wire::SignedCommand {
            command: bytes.clone().into(),
            ..good.clone()
        };
        assert_eq!(
            verify(&changed, &keys, &command.sensor),
            Err(CommandError::Signature)
        );
        bytes[index] ^= 1;
    }
    let elsewhere = SensorId::generate().expect("random");
    assert_eq!(
        verify(&good, &keys, &elsewhere),
        Err(CommandError::OtherSensor)
    );
}

#[test]
fn a_signed_command_is_still_held_against_its_bounds() {
    let authority = authority();
    let keys = [authority.commands().public_key()];
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    let too_long = command(CommandAction::StopContainer { container_id: long });
    let signed = authority.commands().sign(&too_long);
    assert_eq!(
        verify(&signed, &keys, &too_long.sensor),
        Err(CommandError::Malformed("container"))
    );
}
