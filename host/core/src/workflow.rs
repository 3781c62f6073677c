//! What an operator writes in `workflows/*.yaml`, as plain data ([`Definition`]), and [`Plan`], the same
//! checked and compiled. [`Version`] is what a plan is made of again later. [`Walk`] says which steps of a plan can go on.

mod definition;
mod plan;
mod version;
mod walk;

pub use definition::{
    Answer, Approve, Call, Definition, End, EventDefinition, ForEach, GatherConfig, Keep, LaneConfig, On,
    OnRun, Respond, Retain, Step, Undo, Wait, Webhook, WholeLane,
};
pub use plan::{
    AnswerPlan, Body, Environment, EventPlan, EventTrigger, ForEachStep, Gathering, KEY_BYTES, LanePlan,
    Names, NoKey, Plan, PlanError, PlannedStep, PluginInfo, PluginStep, VerifyPlan, Work, key_of, value_key,
};
pub use version::Version;
pub use walk::{Feed, Settled, Walk, instant, span};
