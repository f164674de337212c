//! `sim`: serves a simulated cloud for other processes.

use levelfield_reports::{atomic, overall::Outcome};
use levelfield_sim::{Mutation, SimServer};

use super::{
    args::SimArgs,
    failure::{Failure, OrUsage as _},
    output::Output,
};
use crate::config::{SimConfig, persona};

/// Serves until it is interrupted.
pub(super) async fn sim(args: &SimArgs, output: &mut Output) -> Result<Outcome, Failure> {
    if args.list_mutations {
        for mutation in Mutation::ALL {
            output.print(mutation.id());
        }
        return Ok(Outcome::Good);
    }
    let config = SimConfig {
        persona: args.persona.clone(),
        mutations: args.mutation.clone(),
        seed: args.seed,
        ..SimConfig::default()
    };
    let server = SimServer::start(persona("sim", &config).or_usage()?).await.or_incomplete()?;
    let ready = format!("endpoint: {}\ntoken: {}\n", server.endpoint(), server.token());
    match &args.ready {
        Some(path) => {
            atomic::write_bytes(path, ready.as_bytes()).or_usage()?;
        }
        None => output.print(&ready),
    }
    // A signal ends the process the ordinary way; the cloud has nothing to keep.
    let _ = tokio::signal::ctrl_c().await;
    server.shutdown().await;
    Ok(Outcome::Good)
}
