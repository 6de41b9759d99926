"""What a Jinja template needs, read from its syntax tree without rendering it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.defaults import DEFAULT_NAMESPACE
from jinja2.filters import FILTERS as DEFAULT_FILTERS
from jinja2.sandbox import safe_range
from jinja2.tests import TESTS as DEFAULT_TESTS
from jinja2.visitor import NodeVisitor

__all__ = ["LAUNCH_TIME_KEYS", "TASK_INSTANCE_ATTRIBUTES", "TemplateNeeds"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: what the task instance of a member is known by before it starts
TASK_INSTANCE_ATTRIBUTES = frozenset({"task_id", "dag_id", "run_id", "map_index", "task"})

# Names of the template context. Their attributes are the user's own keys: any is as good as another.
_DATA = _names("params var conn conf inlets outlets triggering_asset_events triggering_dataset_events")
# Values of the run: the same for all its tasks, whenever they start.
_RUN_VALUES = _names(
    "run_id logical_date execution_date data_interval_start data_interval_end partition_key partition_date "
    "ds ds_nodash ts ts_nodash ts_nodash_with_tz next_ds next_ds_nodash next_execution_date "
    "prev_ds prev_ds_nodash prev_execution_date tomorrow_ds tomorrow_ds_nodash yesterday_ds "
    "yesterday_ds_nodash map_index_template task_instance_key_str"
)
# Objects of Airflow with known and unknown attributes.
_OBJECTS = frozenset({"ti", "task_instance", "task", "dag", "dag_run", "macros"})

#: names of the template context that have a value, the same one, when launch runs and when the member starts
LAUNCH_TIME_KEYS = _DATA | _RUN_VALUES | _OBJECTS

_DAG_RUN = _names(
    "conf run_id dag_id run_type logical_date execution_date data_interval_start data_interval_end run_after "
    "start_date external_trigger partition_key partition_date consumed_asset_events"
)
_DAG = _names(
    "dag_id dag_display_name description doc_md tags owner default_args params start_date end_date timezone "
    "schedule schedule_interval catchup max_active_runs max_active_tasks dagrun_timeout fileloc folder"
)
_TASK_NEEDS_A_WORKER = frozenset({"hook", "log", "output"})
# A module or function of airflow.macros -> what is pure of it; None: all, as far as it asks no clock.
_MACROS: Mapping[str, frozenset[str] | None] = {
    "ds_add": None,
    "ds_format": None,
    "ds_format_locale": None,
    "json": None,
    "yaml": None,
    "datetime": None,
    "timedelta": None,
    "dateutil": frozenset({"relativedelta", "parser", "tz", "easter"}),
    "uuid": frozenset(
        {"UUID", "uuid3", "uuid5", "NAMESPACE_DNS", "NAMESPACE_URL", "NAMESPACE_OID", "NAMESPACE_X500"}
    ),
}
_IMPURE_MACROS = frozenset({"time", "random", "datetime_diff_for_humans"})

_CLOCK = _names("now utcnow today tomorrow yesterday is_past is_future age")
# Methods of a date that compare with now when they get no other date.
_CLOCK_WITHOUT_ARGUMENT = _names("diff diff_for_humans is_birthday is_anniversary")
_MUTATORS = _names("append extend insert remove pop popitem clear setdefault update sort reverse discard")
_AIRFLOW_FILTERS = frozenset({"ds", "ds_nodash", "ts", "ts_nodash", "ts_nodash_with_tz"})
_RANDOM_GLOBALS = frozenset({"lipsum"})
_LOCAL = frozenset({"loop", "caller", "varargs", "kwargs"})
_PULL_ARGUMENTS = ("task_ids", "dag_id", "key", "include_prior_dates")
_PULL_KEYWORDS = frozenset({*_PULL_ARGUMENTS, "map_indexes", "default"})

_PLAIN_NODES = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.Tuple,
    nodes.List,
    nodes.Dict,
    nodes.Pair,
    nodes.Keyword,
    nodes.Slice,
    nodes.CondExpr,
    nodes.Concat,
    nodes.Compare,
    nodes.Operand,
    nodes.BinExpr,
    nodes.UnaryExpr,
    nodes.NSRef,
    nodes.If,
    nodes.For,
    nodes.Assign,
    nodes.AssignBlock,
    nodes.With,
    nodes.Macro,
    nodes.CallBlock,
    nodes.FilterBlock,
    nodes.ExprStmt,
    nodes.Scope,
    nodes.Break,
    nodes.Continue,
)


class TemplateNeeds:
    """
    Says of templates what they need that may not exist, or may be another value, when launch runs.

    Whatever is not known to be the same then counts as unknown: the price of an error on this side is a
    worker, on the other side a wrong command.

    :param environment: the environment that the templates will be rendered with.
    :param context_keys: names of the template context in this Airflow.
    :param dag_id: the DAG; XComs of other DAGs come whenever they come.
    :param before_launch: ids of the tasks that have ended when launch runs.
    :param user_macros: names of the DAG's own macros, which may do anything.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        context_keys: Collection[str],
        dag_id: str,
        before_launch: Collection[str],
        user_macros: Collection[str] = (),
    ) -> None:
        self.environment = environment
        self.context_keys = frozenset(context_keys)
        self.dag_id = dag_id
        self.before_launch = frozenset(before_launch)
        self.user_macros = frozenset(user_macros)
        self._syntax = (
            environment.variable_start_string,
            environment.block_start_string,
            environment.comment_start_string,
        )
        self._has_line_syntax = bool(environment.line_statement_prefix or environment.line_comment_prefix)
        self._known: dict[str, tuple[str, ...]] = {}

    def reasons(self, template: str) -> tuple[str, ...]:
        """
        Return why the template cannot be rendered by launch; empty when it can.

        :param template: the template's text.
        """
        if not self._has_line_syntax and not any(start in template for start in self._syntax):
            return ()
        if template not in self._known:
            self._known[template] = self._read(template)
        return self._known[template]

    def _read(self, template: str) -> tuple[str, ...]:
        try:
            tree = self.environment.parse(template)
        except TemplateSyntaxError as error:
            return (f"is no valid template ({error.message})",)
        reader = _Reader(self, tree)
        reader.visit(tree)
        return tuple(dict.fromkeys(reader.reasons))

    def is_known_filter(self, name: str) -> bool:
        """
        Say whether a filter gives the same result at any time.

        :param name: the filter as the template names it.
        """
        given = self.environment.filters.get(name)
        if name in _AIRFLOW_FILTERS:
            return getattr(given, "__module__", "").startswith("airflow.")
        return name != "random" and given is not None and given is DEFAULT_FILTERS.get(name)


class _Reader(NodeVisitor):
    """Visits one syntax tree; what is not named here is refused."""

    def __init__(self, needs: TemplateNeeds, tree: nodes.Template) -> None:
        self._needs = needs
        self.reasons: list[str] = []
        assigned = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
        assigned |= {macro.name for macro in tree.find_all(nodes.Macro)}
        self._locals = assigned | _LOCAL
        for name in sorted(assigned & (needs.context_keys | _OBJECTS)):
            self._refuse(f"assigns {name}, which is a name of Airflow's")

    def _refuse(self, reason: str) -> None:
        self.reasons.append(reason)

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> None:
        if isinstance(node, _PLAIN_NODES):
            super().generic_visit(node)
        else:
            self._refuse(f"{{% {type(node).__name__.lower()} %}} cannot be looked through")

    # --- names and attributes --------------------------------------------------------------------

    def visit_Name(self, node: nodes.Name) -> None:
        if node.ctx == "load":
            self._check(node.name, ())

    def visit_Getattr(self, node: nodes.Getattr) -> None:
        if chain := _chain(node):
            self._check(*chain)
        else:
            self._check_clock((node.attr,), f"(...).{node.attr}")
            self.visit(node.node)

    def visit_Getitem(self, node: nodes.Getitem) -> None:
        if chain := _chain(node):
            self._check(*chain)
        else:
            if (name := _last_name(node)) is not None and not self._is_pull(node.node):
                self._check_clock((name,), f"(...)[{name!r}]")
            self.visit(node.node)
            self.visit(node.arg)

    def _check(self, root: str, keys: tuple[str, ...]) -> None:
        text = ".".join((root, *keys))
        if root in self._needs.user_macros:
            self._refuse(f"{text} is a macro of the DAG's own, which may give another value later")
        elif root in self._locals:
            self._check_clock(keys, text)
        elif root not in self._needs.context_keys:
            self._check_global(root, text)
        elif root in _OBJECTS:
            self._check_object(root, keys, text)
        elif root in _RUN_VALUES:
            self._check_clock(keys, text)
        elif root not in _DATA:
            self._refuse(f"{text} may be another value when the task starts")

    def _check_global(self, name: str, text: str) -> None:
        given = self._needs.environment.globals.get(name)
        if given is None or given not in (DEFAULT_NAMESPACE.get(name), safe_range):
            self._refuse(f"{text} is no name of this Airflow's template context")
        elif name in _RANDOM_GLOBALS:
            self._refuse(f"{text} is random")

    def _check_object(self, root: str, keys: tuple[str, ...], text: str) -> None:
        if not keys:
            self._refuse(f"{root} itself is passed on, and what becomes of it cannot be seen")
        elif root == "task":
            self._check_task(keys, text)
        elif root == "dag":
            self._check_dag(keys, text)
        elif root == "dag_run":
            self._check_dag_run(keys, text)
        elif root == "macros":
            self._check_macro(keys, text)
        elif keys[0] not in TASK_INSTANCE_ATTRIBUTES:
            self._refuse(f"{text} is known only when the task starts")
        elif keys[0] == "task":
            self._check_object("task", keys[1:], text)

    def _check_task(self, keys: tuple[str, ...], text: str) -> None:
        if keys[0] == "dag":
            self._check_object("dag", keys[1:], text)
        elif keys[0] in _TASK_NEEDS_A_WORKER:
            self._refuse(f"{text} is known only when the task starts")
        else:
            self._check_clock(keys[1:], text)

    def _check_dag(self, keys: tuple[str, ...], text: str) -> None:
        if keys[0] in _DAG:
            self._check_clock(keys[1:], text)
        else:
            self._refuse(f"{text} may be another value when the task starts")

    def _check_dag_run(self, keys: tuple[str, ...], text: str) -> None:
        if keys[0] not in _DAG_RUN:
            self._refuse(f"{text} may be another value when the task starts")
        elif keys[0] != "conf":
            self._check_clock(keys[1:], text)

    def _check_macro(self, keys: tuple[str, ...], text: str) -> None:
        if keys[0] in _IMPURE_MACROS:
            self._refuse(f"{text} gives another value at each call")
        elif keys[0] not in _MACROS:
            self._refuse(f"{text} is a macro of a plugin, which may give another value later")
        elif (pure := _MACROS[keys[0]]) is not None and not set(keys[1:2]) & pure:
            self._refuse(f"{text} may give another value at each call")
        else:
            self._check_clock(keys[1:], text)

    def _check_clock(self, keys: tuple[str, ...], text: str) -> None:
        if _CLOCK.intersection(keys):
            self._refuse(f"{text} depends on when it is rendered")

    # --- conditions: an object of Airflow is true, and not passed on ------------------------------

    def visit_If(self, node: nodes.If) -> None:
        self._truth(node.test)
        for part in (*node.body, *node.elif_, *node.else_):
            self.visit(part)

    def visit_CondExpr(self, node: nodes.CondExpr) -> None:
        self._truth(node.test)
        self.visit(node.expr1)
        if node.expr2 is not None:
            self.visit(node.expr2)

    def visit_And(self, node: nodes.And) -> None:
        self._truth(node.left)
        self.visit(node.right)

    def visit_Not(self, node: nodes.Not) -> None:
        self._truth(node.node)

    def _truth(self, node: nodes.Node) -> None:
        if isinstance(node, (nodes.And, nodes.Or)):
            self._truth(node.left)
            self._truth(node.right)
        elif not self._is_object(node):
            self.visit(node)

    def _is_object(self, node: nodes.Node) -> bool:
        return (
            isinstance(node, nodes.Name)
            and node.name in _OBJECTS & self._needs.context_keys
            and node.name not in self._locals | self._needs.user_macros
        )

    def visit_Test(self, node: nodes.Test) -> None:
        if self._needs.environment.tests.get(node.name) is not DEFAULT_TESTS.get(node.name, ...):
            self._refuse(f"the test {node.name} may give another result later")
        if not (self._is_object(node.node) and node.name in {"defined", "undefined", "none"}):
            self.visit(node.node)
        self._visit_arguments(node)

    # --- calls and filters -----------------------------------------------------------------------

    def visit_Call(self, node: nodes.Call) -> None:
        chain = _chain(node.node)
        root, keys = chain or ("", ())
        if self._is_pull(node):
            self._check_pull(root, node)
            return
        name = _last_name(node.node)
        if name in _MUTATORS:
            self._refuse(f"{'.'.join((root or '(...)', *keys))}() changes a value while it is rendered")
        elif name in _CLOCK_WITHOUT_ARGUMENT and not (node.args or node.kwargs):
            self._refuse(f"{name}() without a date depends on when it is rendered")
        elif root == "task" and len(keys) == 1 and root not in self._locals:
            self._refuse(f"task.{keys[0]}() may give another value when the task starts")
        self.visit(node.node)
        self._visit_arguments(node)

    def _visit_arguments(self, node: nodes.Call | nodes.Filter | nodes.Test) -> None:
        for part in (*node.args, *node.kwargs, node.dyn_args, node.dyn_kwargs):
            if part is not None:
                self.visit(part)

    def visit_Filter(self, node: nodes.Filter) -> None:
        if not self._needs.is_known_filter(node.name):
            self._refuse(f"the filter {node.name} may give another value later")
        if node.name == "map":
            self._check_mapped_filter(node)
        for part in (*node.args, *(keyword.value for keyword in node.kwargs)):
            # attr(), map(attribute=), sort(attribute=) and the like: names of attributes
            if isinstance(part, nodes.Const) and isinstance(part.value, str):
                self._check_clock(tuple(part.value.split(".")), f"{node.name}({part.value!r})")
            elif node.name == "attr":
                self._refuse("the filter attr is given an attribute that is found only while it is rendered")
        if node.node is not None:
            self.visit(node.node)
        self._visit_arguments(node)

    def _check_mapped_filter(self, node: nodes.Filter) -> None:
        if not node.args:
            return
        name = _string(node.args[0])
        if name is None or not self._needs.is_known_filter(name):
            self._refuse(f"the filter map({name or '...'}) may give another value later")

    # --- XComs -----------------------------------------------------------------------------------

    def _is_pull(self, node: nodes.Node) -> bool:
        chain = _chain(node.node) if isinstance(node, nodes.Call) else None
        root, keys = chain or ("", ())
        return root in {"ti", "task_instance"} - self._locals and keys == ("xcom_pull",)

    def _check_pull(self, root: str, node: nodes.Call) -> None:
        given = dict(zip(_PULL_ARGUMENTS, node.args, strict=False))
        given.update({keyword.key: keyword.value for keyword in node.kwargs})
        task_ids = _strings(given.get("task_ids"))
        text = f"{root}.xcom_pull(task_ids={', '.join(map(repr, task_ids or ['?']))})"
        unread = len(node.args) > len(_PULL_ARGUMENTS) or node.dyn_args or node.dyn_kwargs
        if unread or not _PULL_KEYWORDS.issuperset(given):
            self._refuse(f"{text} has arguments that cannot be looked through")
        elif not task_ids:
            self._refuse(f"{root}.xcom_pull() does not name its tasks as literal task_ids")
        elif not self._is_own_run(given):
            self._refuse(f"{text} reads XComs of another DAG or run, which may come later")
        elif late := sorted(set(task_ids) - self._needs.before_launch):
            self._refuse(f"{text} needs an XCom of {', '.join(late)}, which may end after launch")
        for argument in (*node.args, *(keyword.value for keyword in node.kwargs)):
            self.visit(argument)

    def _is_own_run(self, given: Mapping[str, nodes.Expr]) -> bool:
        dag_id, earlier = given.get("dag_id"), given.get("include_prior_dates")
        own_dag = dag_id is None or (
            isinstance(dag_id, nodes.Const) and dag_id.value in (None, self._needs.dag_id)
        )
        return own_dag and (
            earlier is None or (isinstance(earlier, nodes.Const) and earlier.value in (None, False))
        )


def _chain(node: nodes.Node) -> tuple[str, tuple[str, ...]] | None:
    """Return the name and the literal keys of ``name.key['key']``; None for any other expression."""
    keys: list[str] = []
    while isinstance(node, (nodes.Getattr, nodes.Getitem)):
        key = _last_name(node)
        if key is None:
            return None
        keys.append(key)
        node = node.node
    return (node.name, tuple(reversed(keys))) if isinstance(node, nodes.Name) else None


def _last_name(node: nodes.Node) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    # Jinja looks for an attribute where there is no such item.
    return _string(node.arg) if isinstance(node, nodes.Getitem) else None


def _string(node: nodes.Node) -> str | None:
    return node.value if isinstance(node, nodes.Const) and isinstance(node.value, str) else None


def _strings(node: nodes.Expr | None) -> list[str] | None:
    """Return the literal string or strings of an expression; None when it has other parts."""
    if isinstance(node, (nodes.List, nodes.Tuple)):
        found = [_string(item) for item in node.items]
        return None if None in found else [item for item in found if item is not None]
    text = _string(node) if node is not None else None
    return None if text is None else [text]
