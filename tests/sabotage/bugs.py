"""The bugs: of the chain that every product goes through here, of products and people in a file of their own.

A bug whose line has changed in the product fails by name ("must occur exactly once"): write it anew for the new line,
do not drop it.
"""

from __future__ import annotations

from tests.sabotage.bug import Bug
from tests.sabotage.bugs_of_products import BUGS_OF_PRODUCTS

APPLY = "workflows/test_workflows_apply.py"
REMOVE = "workflows/test_workflows_remove.py"
DRIVE = "custody/test_custody_drive.py"
SECRETS = "workflows/test_workflows_secrets.py"
COMPARE = "resources/test_resources_compare.py"
SETTLE = "pace/test_pace_settle.py"

SHARED = '            self.part,\n            f"{_names(declared)} of {declared.mailbox}",\n            reason=f"shared'

BUGS = (
    # the life of a secret
    Bug(
        "addPassword is sent again by the connection",
        "graph/passwords.py",
        "await graph.write_once(",
        "await graph.write(",
        ("graph/test_graph_writes.py::test_minting_is_tried_exactly_once",),
    ),
    Bug(
        "addPassword is sent again when its answer is lost",
        "resources/client_secret.py",
        "            harmless=False,\n",
        "            harmless=True,\n",
        (f"{APPLY}::test_addpassword_is_not_repeated_when_its_answer_is_lost",),
    ),
    Bug(
        "no intent is written before the mint",
        "custody/drive.py",
        "        await self._save(intended, {})\n",
        "",
        (f"{DRIVE}::test_the_intent_is_in_the_sink_before_the_key_can_exist_and_in_its_name",),
    ),
    Bug(
        "the value is stored after it was proven",
        "custody/drive.py",
        "        await self._save(replace(intended, pending=stored), {minted.key_id: minted.secret})\n",
        "        if refused := await self._custodian.prove(minted.secret):\n"
        "            return DriveResult(record, not_yet=refused)\n"
        "        await self._save(replace(intended, pending=stored), {minted.key_id: minted.secret})\n",
        (f"{DRIVE}::test_the_value_is_in_the_sink_before_anything_else_may_fail",),
    ),
    Bug(
        "keys that another sink minted count as orphans",
        "custody/next_step.py",
        "        if intent_of(each, situation.tag_prefix) in record.intents\n",
        "        if intent_of(each, situation.tag_prefix) is not None\n",
        (
            "custody/test_next_step.py::test_every_named_state",
            f"{DRIVE}::test_keys_of_others_stay",
            f"{APPLY}::test_another_home_mints_its_own_key_and_leaves_the_first_ones",
        ),
    ),
    Bug(
        "a secret refused so far is minted anew",
        "custody/drive.py",
        "            return DriveResult(record, not_yet=refused, minted=self._minted)\n",
        "            return await self._mint(record)\n",
        (f"{DRIVE}::test_the_value_is_in_the_sink_before_anything_else_may_fail",),
    ),
    Bug(
        "the secret is in a progress message",
        "custody/drive.py",
        "        self._minted = True\n        return None\n",
        "        self._minted = True\n"
        '        self._events(Event(EventKind.NOTE, "minted", minted.secret.reveal()))\n'
        "        return None\n",
        (
            f"{DRIVE}::test_no_event_and_no_error_holds_the_secret",
            f"{APPLY}::test_no_secret_in_results_receipts_events_or_any_file_but_encrypted",
        ),
    ),
    Bug(
        "a secret prints itself",
        "model/secret.py",
        '        return "Secret(…)"\n',
        "        return self._text\n",
        ("model/test_model_secret.py::test_it_does_not_show",),
    ),
    Bug(
        "a removal takes every key of our name, another sink's too",
        "resources/client_secret.py",
        "if each.key_id in record.key_ids or intent_of(each, prefix) in record.intents",
        "if intent_of(each, prefix) is not None",
        (f"{REMOVE}::test_keys_of_another_home_stay_as_long_as_the_application_does",),
    ),
    # files
    Bug(
        "a file is not flushed before it takes the old one's place",
        "disk/files.py",
        "        os.fsync(file.fileno())\n",
        "",
        ("disk/test_disk_files.py::test_a_file_is_flushed_put_in_place_and_its_name_flushed_in_this_order",),
    ),
    Bug(
        "a file is written in place",
        "disk/files.py",
        "        _write_new(temporary, data)\n",
        "        path.write_bytes(data)\n        _write_new(temporary, data)\n",
        ("disk/test_disk_files.py::test_a_failure_leaves_the_old_file_and_no_litter",),
    ),
    Bug(
        "what was stored is not read back",
        "sinks/store.py",
        "        if files.read(path) != text:\n",
        "        if False:\n",
        ("sinks/test_sinks_age_file.py::test_a_disk_that_lies_is_noticed",),
    ),
    Bug(
        "the plain value lies beside its ciphertext",
        "sinks/age_file.py",
        "        sealed = self._keys.seal(value)\n",
        "        sealed = self._keys.seal(value) + value.reveal()\n",
        (f"{APPLY}::test_no_secret_in_results_receipts_events_or_any_file_but_encrypted",),
    ),
    Bug(
        "an application's id is not noted when it appears",
        "resources/application.py",
        "        hands.on_bound(declared.address, created.app_id)\n",
        "",
        (f"{APPLY}::test_an_applications_id_is_noted_before_anything_else_may_fail",),
    ),
    # what was agreed
    Bug(
        "what was not shown is carried out",
        "workflows/approving.py",
        "    if new:\n",
        "    if False:\n",
        (
            f"{APPLY}::test_a_slow_answer_does_not_carry_out_what_was_not_shown",
            f"{APPLY}::test_what_a_saved_plan_does_not_hold_is_refused",
        ),
    ),
    Bug(
        "a plan about another tenant is accepted",
        "workflows/approving.py",
        "    if approval.scope != onboarding.scope:\n",
        "    if False:\n",
        (f"{APPLY}::test_a_plan_about_something_else_is_refused",),
    ),
    Bug(
        "a saved plan no longer binds after a slow answer",
        "workflows/apply.py",
        "                check_approved(request.approval, onboarding, made)\n                check_approved(shown",
        "                check_approved(shown",
        (f"{APPLY}::test_a_saved_plan_binds_after_a_slow_answer_too",),
    ),
    Bug(
        "a digest that does not cover what changes",
        "model/plan.py",
        "        [[field.name, field.before, field.after] for field in change.fields],\n",
        "",
        ("model/test_model_plan.py::test_a_change_of_meaning_is_another_change",),
    ),
    Bug(
        "every gate is open",
        "engine/planning.py",
        "    if change.gate is not None and change.gate not in open_gates:\n",
        "    if False:\n",
        ("engine/test_engine_planning.py::test_a_closed_gate_names_its_flag_and_holds_back_what_waits",),
    ),
    Bug(
        "access to every mailbox has no gate",
        "resources/app_role_grant.py",
        "            gate=Gate.TENANT_WIDE if opened.tenant_wide_mailboxes else None,\n",
        "",
        (f"{COMPARE}::test_app_role_grant",),
    ),
    Bug(
        "--only is ignored",
        "engine/planning.py",
        "    if only is not None and change.part is not only:\n",
        "    if False:\n",
        (
            "engine/test_engine_planning.py::test_only_one_part_is_carried_out_and_the_others_say_so",
            f"{APPLY}::test_only_one_part",
        ),
    ),
    # what is there, and whose it is
    Bug(
        "Exchange is given the registration's object id",
        "resources/exchange_pointer.py",
        "        object_id = hands.bindings.service_principals[declared.service_principal].object_id\n",
        "        object_id = hands.bindings.applications[declared.application].object_id\n",
        (f"{APPLY}::test_exchange_is_given_the_service_principals_object_id_and_not_the_registrations",),
    ),
    Bug(
        "a grant is known by its id alone, whichever API it is of",
        "resources/app_role_grant.py",
        "        if each.resource_id == observed.resource.object_id and each.app_role_id in ids:\n",
        "        if each.app_role_id in ids:\n",
        (f"{COMPARE}::test_app_role_grant", f"{APPLY}::test_a_grant_of_the_same_id_by_another_api_is_not_ours"),
    ),
    Bug(
        "foreign tags are overwritten",
        "resources/application.py",
        "            tags = live.tags if declared.tag in live.tags else (*live.tags, declared.tag)\n",
        "            tags = (declared.tag,)\n",
        (f"{APPLY}::test_drift_is_corrected_and_what_is_foreign_stays",),
    ),
    Bug(
        "foreign wishes are overwritten",
        "resources/requested_permissions.py",
        "dict.fromkeys((*application.requested, *ours))",
        "dict.fromkeys(ours)",
        (f"{APPLY}::test_drift_is_corrected_and_what_is_foreign_stays",),
    ),
    Bug(
        "a namesake's mailbox right counts as ours",
        "exchange/mailbox_permissions.py",
        "    if is_guid(principal.identity):\n",
        '    names.add((principal.display_name or "").lower())\n    if is_guid(principal.identity):\n',
        (f"{COMPARE}::test_mailbox_permission",),
    ),
    Bug(
        "a refused read counts as not there",
        "resources/entra_sight.py",
        "        return NotSeen(what, error.message, error.who_can)\n",
        "        return None\n",
        (f"{REMOVE}::test_what_may_not_be_read_is_not_taken_for_gone",),
    ),
    Bug(
        "what was not seen in Exchange counts as removed",
        "resources/exchange_pointer.py",
        "        if observed.pointer is None:\n",
        "        if not isinstance(observed.pointer, ExchangePrincipal):\n",
        (f"{REMOVE}::test_who_may_not_look_into_exchange_removes_the_rest_and_another_finishes",),
    ),
    Bug(
        "remove turns the shared SMTP AUTH switch back",
        "resources/client_access.py",
        "            Action.KEEP,\n" + SHARED,
        "            Action.REMOVE,\n" + SHARED,
        (f"{COMPARE}::test_what_is_not_there_or_not_ours_alone_stays",),
    ),
    Bug(
        "remove deletes the application before what hangs on it",
        "engine/applying.py",
        "    if not removing:\n",
        "    if True:\n",
        ("engine/test_engine_applying.py::test_removing_takes_what_needs_a_thing_before_the_thing",),
    ),
    # services that lag or fail
    Bug(
        "a 404 after our own write is taken for absence",
        "resources/hands.py",
        "            just_wrote=just_wrote,\n",
        "            just_wrote=False,\n",
        (f"{APPLY}::test_a_lagging_directory_is_waited_for_and_nothing_is_made_twice",),
    ),
    Bug(
        "a write that may have happened is repeated",
        "pace/settle.py",
        "        case Verdict.UNKNOWN if harmless:\n",
        "        case Verdict.UNKNOWN:\n",
        (f"{SETTLE}::test_an_unknown_outcome_is_never_repeated_unless_harmless",),
    ),
    Bug(
        "the time to settle starts before the clock is corrected",
        "pace/settle.py",
        "    deadline: Deadline | None = None\n",
        "    deadline: Deadline | None = Deadline.after(clock, seconds)\n",
        (f"{SETTLE}::test_the_time_starts_at_the_first_fault_which_may_have_corrected_the_clock",),
    ),
    Bug(
        "a closing read that does not agree is taken for done",
        "workflows/apply.py",
        "            return pending, closing\n",
        "            return (), closing\n",
        (f"{APPLY}::test_a_closing_read_that_never_agrees_is_told_and_not_taken_for_done",),
    ),
    Bug(
        "a throttled item of a batch is not asked again",
        "graph/connection.py",
        "        return await settle(\n",
        "        return await attempt()\n        return await settle(\n",
        ("graph/test_graph_reads.py::test_each_item_of_a_batch_has_its_own_fate",),
    ),
    Bug(
        "PowerShell's had_errors is trusted",
        "exchange/psrp_session.py",
        "        if shell.streams.error:\n",
        "        if shell.had_errors:\n",
        ("exchange/test_exchange_psrp.py::test_errors_are_read_from_the_stream_though_the_pipeline_completed",),
    ),
    Bug(
        "Get-ServicePrincipal's first answer is taken",
        "exchange/service_principals.py",
        "    return next((each for each in principals if each.app_id == app_id.lower()), None)\n",
        "    return next(principals, None)\n",
        ("exchange/test_exchange_cmdlets.py::test_get_of_an_unknown_application_returns_all_and_means_none",),
    ),
    Bug(
        "a wrong tenant is told as any refusal",
        "signin/refusals.py",
        "    kind = WrongTenant if code in WRONG_TENANT else SignInRefused\n",
        "    kind = SignInRefused\n",
        ("signin/test_signin_refusals.py::test_a_wrong_tenant_is_named_although_the_library_hides_it",),
    ),
    # what people are told
    Bug(
        "a mailbox that is refused because SMTP AUTH is off passes as refused",
        "probes/judge.py",
        "    if facts.smtp_auth is False and not result.signed_in:\n",
        "    if False:\n",
        (
            "probes/test_probes_judge.py::test_over_every_combination_a_denied_mailbox_passes_only_for_the_right_reason",
            "probes/test_probes_judge.py::test_a_mailbox_that_must_be_refused",
        ),
    ),
    Bug(
        "a stranger's display name is read as markup",
        "reports/terminal.py",
        "    def _name(self, text: str) -> Text:\n        return Text(",
        "    def _name(self, text: str) -> Text:\n        return Text.from_markup(",
        ("reports/test_reports_terminal.py::test_strangers_texts_are_shown_and_never_obeyed",),
    ),
    Bug(
        "a cell's markup is obeyed in lists",
        "cli/lists.py",
        "        table.add_row(*(Text(legible(cell)) for cell in row))\n",
        "        table.add_row(*row)\n",
        ("cli/test_cli_commands.py::test_cells_from_strangers_are_never_interpreted",),
    ),
    Bug(
        "what is unsettled ends as done",
        "cli/verdicts.py",
        "    unsettled = Exit.NOT_YET if applied.unsettled else Exit.DONE\n",
        "    unsettled = Exit.DONE\n",
        ("cli/test_cli_verdicts.py::test_the_rest_of_an_apply",),
    ),
    Bug(
        "an inventory that cannot be read back is written",
        "home/inventory.py",
        "        _parse(text, str(self.path))\n",
        "",
        ("home/test_home.py::test_what_could_not_be_read_back_is_not_written",),
    ),
    # secrets, between the question and the deed
    Bug(
        "the overlap counts from the mint",
        "custody/next_step.py",
        "(current.promoted or situation.now) + situation.overlap",
        "current.created + situation.overlap",
        (
            "custody/test_next_step.py::test_every_named_state",
            "custody/test_next_step.py::"
            "test_a_rotation_killed_at_every_operation_leaves_the_old_key_for_the_whole_overlap",
            f"{DRIVE}::test_the_overlap_counts_from_when_the_new_secret_could_be_had",
            f"{SECRETS}::test_an_undated_overlap_is_begun_when_it_is_first_seen",
        ),
    ),
    Bug(
        "a key is removed by what was read before the question",
        "custody/drive.py",
        "            if isinstance(step, (Discard, Retire)) and known is not None:\n",
        "            if False:\n",
        (f"{DRIVE}::test_the_last_working_key_is_never_removed_whatever_somebody_removed_meanwhile",),
    ),
    Bug(
        "a mint whose outcome is unknown is looked for in what was read before it",
        "custody/drive.py",
        "(isinstance(step, Mint) and self._minted)",
        "isinstance(step, Mint)",
        (f"{DRIVE}::test_an_unknown_outcome_is_looked_at_before_another_mint",),
    ),
    Bug(
        "a rotation that was agreed to remove mints as well",
        "custody/drive.py",
        "                return DriveResult(await self._remove(record, key_ids))\n",
        "                self._terms = replace(self._terms, retiring=frozenset())\n"
        "                await self._remove(record, key_ids)\n",
        (
            f"{DRIVE}::test_a_run_that_is_to_remove_mints_nothing",
            f"{SECRETS}::test_what_was_shown_as_a_removal_mints_nothing",
        ),
    ),
    Bug(
        "a rotation does not look again after a long question",
        "workflows/rotate.py",
        "            if took_long(session, asked):\n",
        "            if False:\n",
        (
            f"{SECRETS}::test_a_slow_answer_does_not_replace_the_last_working_key_when_removing_was_shown",
            f"{SECRETS}::test_a_slow_answer_to_a_mint_does_not_remove",
        ),
    ),
    Bug(
        "a removal takes only the keys that a replica shows",
        "resources/client_secret.py",
        "            for each in dict.fromkeys((*live, *sorted(record.key_ids))):\n",
        "            for each in live:\n",
        (f"{SECRETS}::test_a_key_that_no_replica_shows_yet_is_removed",),
    ),
    Bug(
        "a removal does not wait for the key of an interrupted mint",
        "resources/client_secret.py",
        "                await hands.clock.sleep(max(timedelta(), min(left, LOOK_AGAIN_AFTER)).total_seconds())\n",
        "                del left\n",
        (f"{SECRETS}::test_an_interrupted_mint_is_given_time_to_show_its_key",),
    ),
    # one customer's things stay with that customer
    Bug(
        "a name is moved to another tenant",
        "home/inventory.py",
        "            refuse_another(before, tenant.tenant_id)\n",
        "            pass\n",
        (
            "home/test_home.py::test_a_name_stays_with_its_tenant",
            "cli/test_cli_commands.py::test_a_name_is_not_moved_to_another_tenant_and_a_replaced_entry_says_what_changed",
        ),
    ),
    Bug(
        "bootstrap writes over another tenant's entry",
        "cli/bootstrap.py",
        "    if there is not None:\n",
        "    if False:\n",
        ("cli/test_cli_bootstrap.py::test_an_entry_of_another_tenant_is_not_written_over",),
    ),
    Bug(
        "an instance file of another tenant is taken",
        "home/instances.py",
        "        if found.tenant_id not in (None, tenant_id):\n",
        "        if False:\n",
        (
            "home/test_home.py::test_an_instance_file_is_of_the_tenant_that_it_was_made_in",
            "workflows/test_workflows_neighbours.py::test_a_file_of_the_tenant_that_had_the_name_before_is_no_neighbour",
        ),
    ),
    Bug(
        "the host's connection to another tenant is used",
        "exchange/psrp_session.py",
        "            self._refuse_another_tenant(told)\n",
        "",
        ("exchange/test_exchange_psrp.py::test_a_host_that_connects_to_another_tenant_is_left_before_any_cmdlet",),
    ),
    Bug(
        "another customer's organisation is written to",
        "workflows/onboarding.py",
        "    refuse_another_organization(session.tenant, found.organization)\n    return found, findings\n",
        "    return found, findings\n",
        ("workflows/test_workflows_look_ahead.py::test_a_host_told_to_work_in_another_tenant_ends_it",),
    ),
    Bug(
        "another tenant's host passes as something not seen",
        "resources/entra_sight.py",
        "    except WrongTenant:\n        raise\n",
        "",
        ("workflows/test_workflows_look_ahead.py::test_a_host_that_turns_out_to_be_in_another_tenant_ends_it",),
    ),
    Bug(
        "an inventory that others can write is believed",
        "home/inventory.py",
        '            files.check_unwritable("inventory", self.path.parent, self.path)\n',
        "",
        ("home/test_home.py::test_what_others_can_write_decides_nothing",),
    ),
    *BUGS_OF_PRODUCTS,
)
