//! What an expression reads, found without evaluating it.

use super::builtins::is_builtin;
use super::tree::{visit_all, visit_children};
use crate::document::Text;
use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

/// What an expression refers to outside itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// What it reads of `$states`, in the order in which it is first named.
    pub states: Vec<StatesReference>,
    /// The variables it names and does not bind itself, without `$` and without `states` and the names of
    /// functions, in the order in which they are first named.
    pub variables: Vec<Text>,
    /// The names of functions that it reads as values and does not bind itself, as `$map(list, $uppercase)` does.
    /// Each is a variable where the state machine has one of that name.
    pub functions: Vec<Text>,
    /// The names that are looked up in the context value, of which there is none: `phone` in
    /// `phone & "!"`. The context value itself is listed as `$`. Each is an error:
    /// `Reference to 'phone' at the top level is not supported.`
    pub top_level: Vec<Text>,
    /// Whether `$$` occurs anywhere, which is an error: `Reference to '$$' is not supported.`
    pub names_root: bool,
    /// Whether `$eval` is called, which always fails.
    pub calls_eval: bool,
    /// Regular expressions that we cannot run because they look around or refer back, as written.
    pub unsupported_patterns: Vec<Text>,
}

/// A place in `$states`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatesReference {
    /// `input`, `result`, `errorOutput`, `context`, or what else is written there; none for `$states` as a
    /// whole.
    pub member: Option<Text>,
    /// The keys below the member that are certain to be read: `order`, `total` in `$states.input.order.total`.
    pub path: Vec<Text>,
}

/// Which parts of a value an expression can reach.
///
/// A name stands for the member of that name of an object, or of each object in an array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reach {
    /// Everything in the value, whatever the members say.
    pub(super) is_whole: bool,
    pub(super) members: Vec<(Text, Reach)>,
}

/// A variable that must be bound before the expression is evaluated, and what is read of it.
pub(super) type Need = (Text, Reach);

/// All that is known about an expression before it is evaluated.
#[derive(Debug, Default)]
pub(super) struct Analysis {
    pub(super) references: References,
    pub(super) needs: Vec<Need>,
    /// Names of builtins that are read as a value or called, and not bound by the expression.
    pub(super) functions: Vec<Text>,
}

pub(super) const STATES: &str = "states";

/// The places a value may come from: indices into `Walker::places`.
type Flow = Vec<usize>;

/// What `$` is where an expression stands.
#[derive(Clone, Default)]
struct Focus {
    /// Outside any path: there is no context value.
    is_top: bool,
    flow: Flow,
}

/// The names that a block, a function or the expression itself binds.
#[derive(Default)]
struct Frame {
    /// Names bound so far.
    bound: Vec<Bound>,
    /// Names that some `:=` directly in this frame binds sooner or later, with how often.
    declared: Vec<(String, usize)>,
    is_function: bool,
}

struct Bound {
    name: String,
    /// The place its value comes from.
    flow: Flow,
    /// Whether `@` or `#` binds it, up to the end of the path.
    is_of_path: bool,
}

#[derive(Default)]
struct Place {
    is_whole: bool,
    members: Vec<(Text, usize)>,
}

#[derive(Default)]
struct Walker {
    analysis: Analysis,
    places: Vec<Place>,
    /// Variables from outside and their places.
    roots: Vec<(Text, usize)>,
    frames: Vec<Frame>,
}

/// Finds out what `node` reads.
pub(super) fn analyze(node: &AstNode) -> Analysis {
    let mut walker = Walker::default();
    walker.enter(std::slice::from_ref(node), false);
    let top = Focus {
        is_top: true,
        flow: Flow::new(),
    };
    let result = walker.walk(node, &top);
    walker.use_whole(&result);
    let mut follows_parents = false;
    visit_all(node, &mut |node| follows_parents |= needs_ancestors(node));
    let mut analysis = walker.analysis;
    for (name, place) in &walker.roots {
        let mut reach = reach(&walker.places, *place);
        if name.as_ref() == STATES {
            states_references(&reach, &mut analysis.references.states);
        }
        reach.is_whole |= follows_parents;
        analysis.needs.push((Text::clone(name), reach));
    }
    analysis
}

/// Whether the values around the current one matter, which the flow of values below does not follow.
fn needs_ancestors(node: &AstNode) -> bool {
    match node {
        AstNode::Parent(_) => true,
        AstNode::Path { steps } => steps
            .iter()
            .any(|step| step.is_tuple || step.inner_tuple || step.focus.is_some() || step.ancestor_label.is_some()),
        _ => false,
    }
}

fn reach(places: &[Place], at: usize) -> Reach {
    let Some(place) = places.get(at) else {
        return Reach::default();
    };
    Reach {
        is_whole: place.is_whole,
        members: place
            .members
            .iter()
            .map(|(name, at)| (Text::clone(name), reach(places, *at)))
            .collect(),
    }
}

fn states_references(states: &Reach, references: &mut Vec<StatesReference>) {
    if states.is_whole || states.members.is_empty() {
        references.push(StatesReference {
            member: None,
            path: Vec::new(),
        });
    }
    for (member, reach) in &states.members {
        let mut path = Vec::new();
        leaves(reach, &mut path, &mut |path| {
            references.push(StatesReference {
                member: Some(Text::clone(member)),
                path: path.to_vec(),
            });
        });
    }
}

fn leaves(reach: &Reach, path: &mut Vec<Text>, found: &mut dyn FnMut(&[Text])) {
    if reach.is_whole || reach.members.is_empty() {
        found(path);
        return;
    }
    for (name, below) in &reach.members {
        path.push(Text::clone(name));
        leaves(below, path, found);
        path.pop();
    }
}

/// The functions that hand the items of their first argument to their second one, one by one.
fn hands_over_items(name: &str) -> bool {
    matches!(name, "map" | "filter" | "single" | "sort")
}

impl Walker {
    /// What `node` may evaluate to a part of.
    fn walk(&mut self, node: &AstNode, focus: &Focus) -> Flow {
        match node {
            AstNode::Variable(name) if name.is_empty() => {
                if focus.is_top {
                    self.top_level("$");
                }
                focus.flow.clone()
            }
            AstNode::Variable(name) => self.variable(name),
            AstNode::ParentVariable(_) => {
                self.analysis.references.names_root = true;
                Flow::new()
            }
            AstNode::Name(name) => self.member(focus, name),
            AstNode::Path { .. } | AstNode::Sort { .. } | AstNode::ObjectTransform { .. } => {
                let before = self.frames.last().map_or(0, |frame| frame.bound.len());
                let result = self.path(node, focus);
                if let Some(frame) = self.frames.last_mut() {
                    let within = frame.bound.split_off(before.min(frame.bound.len()));
                    frame.bound.extend(within.into_iter().filter(|bound| !bound.is_of_path));
                }
                result
            }
            AstNode::Binary {
                op: BinaryOp::ColonEqual,
                lhs,
                rhs,
            } => self.bind(lhs, rhs, focus),
            AstNode::Binary {
                op: BinaryOp::ChainPipe,
                lhs,
                rhs,
            } => match &**rhs {
                AstNode::Function { name, args, .. } if !self.is_bound(name) => {
                    let args: Vec<_> = std::iter::once(&**lhs).chain(args).collect();
                    self.call(name, &args, focus)
                }
                _ => self.walk_children(node, focus),
            },
            AstNode::Function { name, args, is_builtin } => {
                if !is_builtin {
                    let flow = self.member(focus, name);
                    self.use_whole(&flow);
                }
                self.call(name, &args.iter().collect::<Vec<_>>(), focus)
            }
            AstNode::Lambda { params, body, .. } => {
                let arguments = params.iter().map(|_| Flow::new()).collect();
                let result = self.function(params, arguments, body, focus);
                self.use_whole(&result);
                Flow::new()
            }
            AstNode::Block(items) => {
                self.enter(items, false);
                let result = self.walk_sequence(items, focus);
                self.frames.pop();
                result
            }
            AstNode::FunctionApplication(inner) => self.walk(inner, focus),
            AstNode::Conditional {
                condition,
                then_branch,
                else_branch,
            } => {
                self.walk_whole(condition, focus);
                let mut result = self.walk(then_branch, focus);
                if let Some(branch) = else_branch {
                    result.extend(self.walk(branch, focus));
                }
                result
            }
            AstNode::Transform { .. } => {
                // It is applied to an argument, which is used as a whole.
                visit_children(node, &mut |child| {
                    self.walk_whole(child, &Focus::default());
                });
                Flow::new()
            }
            AstNode::Wildcard | AstNode::Descendant => {
                if focus.is_top {
                    self.top_level(if matches!(node, AstNode::Wildcard) { "*" } else { "**" });
                }
                self.use_whole(&focus.flow.clone());
                Flow::new()
            }
            AstNode::Regex { pattern, flags } => {
                if jsonata_core::functions::string::build_regex(pattern, flags).is_err() {
                    let pattern = Text::from(format!("/{pattern}/{flags}"));
                    self.analysis.references.unsupported_patterns.push(pattern);
                }
                Flow::new()
            }
            _ => self.walk_children(node, focus),
        }
    }

    /// A node whose parts are all used as a whole.
    fn walk_children(&mut self, node: &AstNode, focus: &Focus) -> Flow {
        visit_children(node, &mut |child| self.walk_whole(child, focus));
        Flow::new()
    }

    fn walk_whole(&mut self, node: &AstNode, focus: &Focus) {
        let flow = self.walk(node, focus);
        self.use_whole(&flow);
    }

    fn walk_sequence(&mut self, items: &[AstNode], focus: &Focus) -> Flow {
        let Some((last, before)) = items.split_last() else {
            return Flow::new();
        };
        for item in before {
            // Its value is dropped, but what it reads may make it fail.
            self.walk_whole(item, focus);
        }
        self.walk(last, focus)
    }

    /// A path with what sorts and groups its items, which sees the names that it binds.
    fn path(&mut self, node: &AstNode, focus: &Focus) -> Flow {
        match node {
            AstNode::Path { steps } => self.steps(steps, focus),
            AstNode::Sort { input, terms } => {
                let items = self.path(input, focus);
                let focus = inside(&items);
                for (term, _) in terms {
                    self.walk_whole(term, &focus);
                }
                items
            }
            AstNode::ObjectTransform { input, pattern } => {
                let items = self.path(input, focus);
                let focus = inside(&items);
                for (key, value) in pattern {
                    self.walk_whole(key, &focus);
                    self.walk_whole(value, &focus);
                }
                Flow::new()
            }
            other => self.walk(other, focus),
        }
    }

    fn steps(&mut self, steps: &[PathStep], focus: &Focus) -> Flow {
        let mut focus = focus.clone();
        for step in steps {
            let items = self.path(&step.node, &focus);
            focus = inside(&items);
            for stage in &step.stages {
                match stage {
                    Stage::Filter(filter) => self.walk_whole(filter, &focus),
                    Stage::Index(name) => self.bind_here(name, Flow::new(), true),
                    Stage::KeepArray => {}
                }
            }
            for name in step.focus.iter().chain(&step.index_var) {
                self.bind_here(name, Flow::new(), true);
            }
        }
        focus.flow
    }

    fn call(&mut self, name: &str, args: &[&AstNode], focus: &Focus) -> Flow {
        if self.is_bound(name) {
            args.iter().for_each(|arg| self.walk_whole(arg, focus));
            return Flow::new();
        }
        self.function_name(name);
        self.analysis.references.calls_eval |= name == "eval";
        match (name, args) {
            ("count" | "exists", [only]) => {
                // Neither looks into the items.
                self.walk(only, focus);
                Flow::new()
            }
            (_, [items, AstNode::Lambda { params, body, .. }]) if hands_over_items(name) => {
                let items = self.walk(items, focus);
                let is_sort = name == "sort";
                let arguments = (0..params.len())
                    .map(|at| if at == 0 || is_sort { items.clone() } else { Flow::new() })
                    .collect();
                if !is_sort && params.len() > 2 {
                    self.use_whole(&items);
                }
                let result = self.function(params, arguments, body, focus);
                if name == "map" {
                    return result;
                }
                self.use_whole(&result);
                items
            }
            _ => {
                args.iter().for_each(|arg| self.walk_whole(arg, focus));
                // Some functions take the context value for an argument that is missing.
                self.use_whole(&focus.flow.clone());
                Flow::new()
            }
        }
    }

    fn function(&mut self, params: &[String], arguments: Vec<Flow>, body: &AstNode, focus: &Focus) -> Flow {
        self.enter(std::slice::from_ref(body), true);
        for (name, flow) in params.iter().zip(arguments) {
            self.bind_here(name, flow, false);
        }
        let result = self.walk(body, focus);
        self.frames.pop();
        result
    }

    fn bind(&mut self, target: &AstNode, value: &AstNode, focus: &Focus) -> Flow {
        let flow = self.walk(value, focus);
        let AstNode::Variable(name) = target else {
            self.use_whole(&flow);
            return Flow::new();
        };
        let is_only = self.frames.last().is_some_and(|frame| {
            frame
                .declared
                .iter()
                .all(|(declared, count)| declared != name || *count == 1)
        });
        if !is_only {
            self.use_whole(&flow);
        }
        self.bind_here(name, flow.clone(), false);
        flow
    }

    fn bind_here(&mut self, name: &str, flow: Flow, is_of_path: bool) {
        if let Some(frame) = self.frames.last_mut() {
            frame.bound.push(Bound {
                name: name.to_owned(),
                flow,
                is_of_path,
            });
        }
    }

    fn enter(&mut self, items: &[AstNode], is_function: bool) {
        let mut frame = Frame {
            is_function,
            ..Frame::default()
        };
        items.iter().for_each(|item| declarations(item, &mut frame.declared));
        self.frames.push(frame);
    }

    /// The place of a name that is bound where the walker is.
    fn lookup(&self, name: &str) -> Option<Flow> {
        let mut runs_later = false;
        for frame in self.frames.iter().rev() {
            if let Some(bound) = frame.bound.iter().rev().find(|bound| bound.name == name) {
                return Some(bound.flow.clone());
            }
            // A function runs when the names after it are bound, too.
            if runs_later && frame.declared.iter().any(|(declared, _)| declared == name) {
                return Some(Flow::new());
            }
            runs_later |= frame.is_function;
        }
        None
    }

    fn is_bound(&self, name: &str) -> bool {
        self.lookup(name).is_some()
    }

    fn variable(&mut self, name: &str) -> Flow {
        if let Some(flow) = self.lookup(name) {
            return flow;
        }
        if is_builtin(name) {
            self.function_name(name);
            let read = &mut self.analysis.references.functions;
            if !read.iter().any(|known| **known == *name) {
                read.push(name.into());
            }
            return Flow::new();
        }
        if let Some((_, place)) = self.roots.iter().find(|(root, _)| **root == *name) {
            return vec![*place];
        }
        let place = self.new_place();
        let name = Text::from(name);
        if name.as_ref() != STATES {
            self.analysis.references.variables.push(Text::clone(&name));
        }
        self.roots.push((name, place));
        vec![place]
    }

    fn function_name(&mut self, name: &str) {
        let functions = &mut self.analysis.functions;
        if !functions.iter().any(|known| **known == *name) {
            functions.push(name.into());
        }
    }

    fn member(&mut self, focus: &Focus, name: &str) -> Flow {
        if focus.is_top {
            self.top_level(name);
        }
        let mut flow = Flow::new();
        for at in &focus.flow {
            let known = self.places.get(*at).and_then(|place| {
                let members = &mut place.members.iter();
                members.find(|(known, _)| **known == *name).map(|(_, at)| *at)
            });
            let below = known.unwrap_or_else(|| {
                let below = self.new_place();
                if let Some(place) = self.places.get_mut(*at) {
                    place.members.push((name.into(), below));
                }
                below
            });
            flow.push(below);
        }
        flow
    }

    fn new_place(&mut self) -> usize {
        self.places.push(Place::default());
        self.places.len() - 1
    }

    fn use_whole(&mut self, flow: &[usize]) {
        for at in flow {
            if let Some(place) = self.places.get_mut(*at) {
                place.is_whole = true;
            }
        }
    }

    fn top_level(&mut self, name: &str) {
        let names = &mut self.analysis.references.top_level;
        if !names.iter().any(|known| **known == *name) {
            names.push(name.into());
        }
    }
}

fn inside(flow: &Flow) -> Focus {
    Focus {
        is_top: false,
        flow: flow.clone(),
    }
}

/// The names that `:=` binds in the same frame as `node`.
pub(super) fn declarations(node: &AstNode, found: &mut Vec<(String, usize)>) {
    match node {
        AstNode::Block(_) | AstNode::Lambda { .. } => return,
        AstNode::Binary {
            op: BinaryOp::ColonEqual,
            lhs,
            ..
        } => {
            if let AstNode::Variable(name) = &**lhs {
                match found.iter_mut().find(|(known, _)| known == name) {
                    Some((_, count)) => *count += 1,
                    None => found.push((name.clone(), 1)),
                }
            }
        }
        _ => {}
    }
    visit_children(node, &mut |child| declarations(child, found));
}
