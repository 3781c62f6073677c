//! What an operator writes in `workflows/*.yaml`, as plain data ([`Definition`]), and [`Plan`], the same
//! checked and compiled. [`Walk`] says which steps of a plan can go on.

mod definition;
mod plan;
mod walk;

pub use definition::{
    Approve, Call, Definition, End, EventDefinition, ForEach, GatherConfig, Keep, LaneConfig, On, OnRun,
    Respond, Step, Undo, Wait, Webhook, WholeLane,
};
pub use plan::{
    Body, Environment, EventPlan, EventTrigger, ForEachStep, Gathering, LanePlan, NoKey, Plan, PlanError,
    PlannedStep, PluginInfo, PluginStep, Work, key_of, value_key,
};
pub use walk::{Feed, Settled, Walk, instant, span};
