"""Bugs of what single products need: EWS, attached applications, accounts, scopes; and of adopting and migrating."""

from __future__ import annotations

from tests.sabotage.bug import Bug

COMPARE = "resources/test_resources_compare.py"
DELEGATED = "resources/test_resources_delegated.py"
ASSIGNMENT = "resources/test_resources_assignment.py"
ADOPT = "workflows/test_workflows_adopt.py"
MIGRATE = "workflows/test_workflows_migrate.py"
ACCOUNTS = "probes/test_probes_accounts.py"
SCOPED = "probes/test_probes_scoped.py"
PASSWORD = "signin/test_signin_password.py"
OWN = "playbook/test_playbook_own.py"
EWS = "exchange/test_exchange_ews.py"
PLANNING = "engine/test_engine_planning.py"
ATTACHED = "resources/test_resources_attached.py"

WISH = "            name: DelegatedPermissionGrant.ReadWrite.All\n"
ONE_MORE = "            name: RoleManagement.ReadWrite.Directory\n            why: It may be of use.\n"

BUGS_OF_PRODUCTS = (
    # one list for everybody, one application for two
    Bug(
        "a list that nobody has begun is begun",
        "exchange/ews_gates.py",
        "    if not now.allowed:\n",
        "    if False:\n",
        (f"{EWS}::test_an_empty_or_another_list_is_left_alone",),
    ),
    Bug(
        "a list that somebody changed meanwhile is written over",
        "exchange/ews_gates.py",
        "    if not listed and now.allowed != expected:\n",
        "    if False:\n",
        (f"{EWS}::test_an_empty_or_another_list_is_left_alone",),
    ),
    Bug(
        "the list is written with our application alone",
        "exchange/ews_gates.py",
        "() if listed else (*now.allowed, app_id)",
        "() if listed else (app_id,)",
        (f"{EWS}::test_letting_in_reads_and_writes_the_whole_list_once",),
    ),
    Bug(
        "the list is read without the switch that shows it",
        "exchange/ews_gates.py",
        '"Get-OrganizationConfig", {"RetrieveEwsOperationAccessPolicy": True}',
        '"Get-OrganizationConfig", {}',
        (f"{EWS}::test_the_list_is_asked_for_with_its_switch",),
    ),
    Bug(
        "the organisation's EWS switch needs no flag",
        "resources/ews_access.py",
        "            gate=Gate.ORGANISATION_WIDE if off else None,\n",
        "",
        ("resources/test_resources_ews.py::test_the_switch_has_a_gate_of_its_own",),
    ),
    Bug(
        "what is attached takes its host's consent along",
        "resources/sharing.py",
        "        if wanted:\n",
        "        if False:\n",
        (f"{ATTACHED}::test_consent_is_taken_back_as_far_as_nobody_else_needs_it",),
    ),
    Bug(
        "a host goes though something is attached to it",
        "engine/planning.py",
        "        own = held or ",
        "        own = ",
        (f"{ATTACHED}::test_a_host_is_removed_after_what_is_attached_to_it",),
    ),
    Bug(
        "a secret is minted where another's is to be used",
        "resources/client_secret.py",
        "    return SlotName(tenant_id, declared.held_by or instance, declared",
        "    return SlotName(tenant_id, instance, declared",
        (f"{ATTACHED}::test_the_slot_is_that_of_whoever_holds_it",),
    ),
    # delegated consent, people and redirects
    Bug(
        "others' scopes in a delegated grant are overwritten",
        "resources/delegated_grant.py",
        "scopes = tuple(dict.fromkeys((*found.scopes, *wanted)))",
        "scopes = wanted",
        (f"{DELEGATED}::test_others_scopes_are_kept",),
    ),
    Bug(
        "others' scopes go with ours",
        "resources/delegated_grant.py",
        "        if left:\n",
        "        if False:\n",
        (f"{DELEGATED}::test_revoking_leaves_others_scopes",),
    ),
    Bug(
        "consent for one account is given for everybody",
        "resources/delegated_grant.py",
        "principal_id=account,",
        "principal_id=None,",
        (f"{DELEGATED}::test_consent_for_one_account",),
    ),
    Bug(
        "an assignment is asked for before anybody is assigned",
        "resources/user_assignment.py",
        "        for each in wanted:\n            await hands",
        "        await service_principals.require_assignment(hands.graph, principal.object_id)\n"
        "        for each in wanted:\n            await hands",
        (f"{ASSIGNMENT}::test_the_door_is_closed_last",),
    ),
    Bug(
        "whom others assigned is sent away",
        "resources/user_assignment.py",
        "            if principal_id in {each.principal_id for each in assigned}:\n",
        "            for each in assigned:\n"
        "                if each.principal_id not in wanted:\n"
        "                    await app_role_assignments.revoke(hands.graph, principal.object_id, each.principal_id)\n"
        "            if principal_id in {each.principal_id for each in assigned}:\n",
        (f"{ASSIGNMENT}::test_nobody_is_assigned_twice_and_nobody_is_sent_away",),
    ),
    Bug(
        "others' redirect URIs are dropped",
        "resources/redirect_uris.py",
        "dict.fromkeys((*live[platform], *wanted[platform]))",
        "dict.fromkeys(wanted[platform])",
        (f"{DELEGATED}::test_foreign_redirects_are_shown_and_kept",),
    ),
    # an account's password
    Bug(
        "a sign-in with a password is sent again",
        "signin/password.py",
        '        response = line.transport.send(HttpRequest("POST", url, data=form))\n',
        '        response = line.transport.send(HttpRequest("POST", url, data=form))\n'
        "        if response.status_code != 200:\n"
        '            response = line.transport.send(HttpRequest("POST", url, data=form))\n',
        (f"{PASSWORD}::test_one_attempt_whatever_comes_of_it",),
    ),
    Bug(
        "a refused account is tried again for other permissions",
        "workflows/account_sign_ins.py",
        "            self._refusals[who] = error\n",
        "",
        ("workflows/test_workflows_accounts.py::test_a_refused_account_gets_no_second_attempt",),
    ),
    Bug(
        "a password itself is taken for a parameter, and so is in plans, receipts and JSON",
        "playbook/values.py",
        "            if _SECRET_REFERENCE.fullmatch(given[name]):\n",
        "            if True:\n",
        (
            "playbook/test_playbook_accounts.py::test_no_password_is_in_a_declaration",
            "playbook/test_playbook_values.py::test_a_secret_is_not_taken_as_plain_text",
        ),
    ),
    Bug(
        "a password is in what is told of its refusal",
        "signin/password.py",
        '    operation = f"sign in as {account} with a password"\n',
        '    operation = f"sign in as {account} with {password.reveal()}"\n',
        (f"{PASSWORD}::test_one_attempt_whatever_comes_of_it",),
    ),
    Bug(
        "a secret may be part of any text of a playbook",
        "playbook/checks.py",
        '            elif declared.get("secret") is True:\n'
        '                yield document.fault(path, f"{shown(name)} is a secret: it cannot be part of a text")\n',
        "",
        ("playbook/test_playbook_faults.py::test_one_fault_with_its_place",),
    ),
    Bug(
        "secrets are shown where nobody looks",
        "cli/handover.py",
        "        if reveal and not person.interactive:\n",
        "        if False:\n",
        ("cli/test_cli_commands.py::test_secrets_are_shown_on_a_terminal_only",),
    ),
    Bug(
        "a letter with secrets is not sealed",
        "sinks/letters.py",
        "    armored: bytes = pyrage.encrypt(text.encode(), keys, armored=True)\n",
        "    armored = text.encode()\n",
        ("sinks/test_sinks_letters.py::test_every_recipient_can_read_it_and_nobody_else",),
    ),
    # from the guide's way to a scope
    Bug(
        "the consent goes before Exchange lets the sender in",
        "workflows/migrating.py",
        "    if proof.within and not wanted <= reached:\n",
        "    if False:\n",
        (f"{MIGRATE}::test_nothing_goes_before_exchange_says_that_the_roles_are_right",),
    ),
    Bug(
        "the consent goes before all of Exchange knows the roles",
        "workflows/migrating.py",
        "ROLES_REACH_ALL = timedelta(hours=2)",
        "ROLES_REACH_ALL = timedelta(minutes=2)",
        (f"{MIGRATE}::test_roles_then_the_consent_then_the_right_with_time_between_them",),
    ),
    Bug(
        "FullAccess goes before the consent",
        "workflows/migrating.py",
        "        steps += [\n            _tokens_everywhere",
        "        steps.insert(3, rights)\n        steps += [\n            _tokens_everywhere",
        (f"{MIGRATE}::test_roles_then_the_consent_then_the_right_with_time_between_them",),
    ),
    Bug(
        "FullAccess goes while older tokens need it",
        "workflows/migrating.py",
        "TOKENS_LAST = timedelta(minutes=90)",
        "TOKENS_LAST = timedelta(minutes=9)",
        (f"{MIGRATE}::test_roles_then_the_consent_then_the_right_with_time_between_them",),
    ),
    Bug(
        "FullAccess goes though new tokens still carry the role",
        "workflows/migrating.py",
        "        if roles & twins:\n",
        "        if False:\n",
        (f"{MIGRATE}::test_the_right_stays_as_long_as_new_tokens_carry_the_role",),
    ),
    Bug(
        "a migration that is under way is not noted",
        "workflows/migrate.py",
        "    _begin(run)\n    both",
        "    both",
        (f"{MIGRATE}::test_that_it_is_under_way_is_noted_before_the_first_write",),
    ),
    Bug(
        "a scope that a wider permission cancels passes for one",
        "resources/unscoped_grants.py",
        "    return permission in declared.twins or reach(permission).tenant_wide_mailboxes\n",
        "    return permission in declared.twins\n",
        ("resources/test_resources_scopes.py::test_what_cancels_a_scope",),
    ),
    # what somebody made by hand
    Bug(
        "adopting renames the application",
        "resources/application.py",
        "display_name=None if theirs else declared.display_name",
        "display_name=declared.display_name",
        (f"{ADOPT}::test_adopting_adds_our_tag_and_changes_nothing",),
    ),
    Bug(
        "an adopted application is deleted",
        "resources/application.py",
        "        if declared.attached_to is not None or is_adopted(declared, live):\n            live",
        "        if declared.attached_to is not None:\n            live",
        (f"{ADOPT}::test_removing_leaves_what_was_there_before_us",),
    ),
    Bug(
        "consent and rights from before us go with us",
        "workflows/adopt.py",
        "        instance = replace(instance, found=_found(adopting, observation))\n",
        "",
        (f"{ADOPT}::test_removing_leaves_what_was_there_before_us",),
    ),
    Bug(
        "a secret that somebody else made counts as ours",
        "resources/client_secret.py",
        "        if isinstance(next_step(situation), Done):\n            return Change(",
        "        if isinstance(next_step(situation), Done) or situation.credentials:\n            return Change(",
        (
            f"{ADOPT}::test_their_secret_is_not_ours_and_one_of_ours_is_minted_beside_it",
            f"{COMPARE}::test_client_secret",
        ),
    ),
    # ourselves
    Bug(
        "our private key can be read by everybody",
        "home/keys.py",
        "            files.replace(path, pem.reveal().encode())\n",
        "            path.write_bytes(pem.reveal().encode())\n",
        ("home/test_home_keys.py::test_a_key_is_made_for_the_owner_alone_with_its_certificate",),
    ),
    Bug(
        "the operator may do more than its requests need",
        "../playbooks/provisioner/operator.yaml",
        WISH,
        ONE_MORE + "          - api: Microsoft Graph\n            kind: application\n" + WISH,
        (f"{OWN}::test_the_operator_holds_exactly_what_the_tools_requests_need",),
    ),
    Bug(
        "an administrator is asked for more than setting us up needs",
        "workflows/bootstrap.py",
        '    "Organization.Read.All",\n',
        '    "Organization.Read.All",\n    "Directory.ReadWrite.All",\n',
        (f"{OWN}::test_an_administrators_first_sign_in_asks_for_what_setting_them_up_needs_and_no_more",),
    ),
    Bug(
        "the management host takes an empty EWS list",
        "exchange/cmdlets.py",
        '            never_empty=("EwsAllowedAppIDs",),\n',
        "",
        (f"{EWS}::test_the_management_host_takes_no_empty_list",),
    ),
    Bug(
        "the EWS list is sent twice",
        "exchange/cmdlets.py",
        "            sent_once=True,\n",
        "",
        (f"{EWS}::test_a_write_is_sent_once_because_the_list_may_be_another_by_then",),
    ),
    Bug(
        "a quote in a name ends its string in a script",
        "exchange/powershell.py",
        "each * 2 if each in QUOTES else each",
        "each",
        ("exchange/test_exchange_script.py::test_hostile_names_stay_within_their_strings",),
    ),
    # what counts as seen, and as proven
    Bug(
        "policies that may not be read are taken for none",
        "workflows/preflight.py",
        '            return [*defaults, sign_in_policies.unseen(about, "conditional access", found)]\n',
        "            return defaults\n",
        ("workflows/test_workflows_look_ahead.py::test_what_was_not_seen_is_said_and_in_nobodys_way",),
    ),
    Bug(
        "a mailbox that may not be read is taken for a good one",
        "workflows/mailbox_facts.py",
        "            yield _not_seen(address, "
        '"whether it is a mailbox in the cloud, with a licence", reason, who_can)\n',
        "",
        (
            "workflows/test_workflows_look_ahead.py::test_what_was_not_seen_is_said_and_in_nobodys_way",
            "workflows/test_workflows_preflight.py::test_what_a_mailbox_is",
        ),
    ),
    Bug(
        "what Exchange does not say passes",
        "probes/judge.py",
        "    if None in places:\n        return Judgement(ProofState.NOT_PROVEN)\n",
        "    places.discard(None)\n",
        (f"{SCOPED}::test_what_exchange_says_of_a_mailbox",),
    ),
    Bug(
        "a token that cannot be read passes",
        "probes/password_sign_in.py",
        "        unread = unread or product.claims is None\n",
        "",
        (f"{ACCOUNTS}::test_the_claims_count",),
    ),
    Bug(
        "a grant that survived in tokens passes",
        "probes/token.py",
        "        if unwanted:\n",
        "        if False:\n",
        (f"{SCOPED}::test_missing_roles_are_right_and_a_surviving_one_is_named",),
    ),
    Bug(
        "a closed EWS door passes for a scope",
        "probes/judge_ews.py",
        "    if result.door:\n        return Judgement(ProofState.NOT_PROVEN, weigh",
        "    if False:\n        return Judgement(ProofState.NOT_PROVEN, weigh",
        ("probes/test_probes_ews.py::test_a_closed_door_never_proves_a_scope",),
    ),
    Bug(
        "a link to sign in with passes for a sign-in",
        "probes/sign_in_link.py",
        "        Judgement(ProofState.NOT_PROVEN),\n",
        "        Judgement(ProofState.PASSED),\n",
        (f"{ACCOUNTS}::test_the_link",),
    ),
    Bug(
        "a mail goes out over Graph without --send",
        "probes/graph_send.py",
        "subject if tools.send else None)",
        "subject)",
        (f"{SCOPED}::test_without_send_nothing_is_sent_and_nothing_claimed",),
    ),
    Bug(
        "a mail goes out over SMTP without --send",
        "probes/smtp_submission.py",
        "now=tools.clock.now()) if tools.send else None",
        "now=tools.clock.now())",
        ("probes/test_probes_run.py::test_signed_in_sending_not_proven",),
    ),
    Bug(
        "a mail whose answer was lost is sent again",
        "probes/graph_send.py",
        "    except UnknownOutcome:\n        return None\n",
        "",
        (f"{SCOPED}::test_a_mail_whose_answer_was_lost_is_looked_for_and_not_sent_again",),
    ),
    Bug(
        "opening the inbox marks mail as seen",
        "mail/imap.py",
        'b"p3 EXAMINE INBOX"',
        'b"p3 SELECT INBOX"',
        ("mail/test_mail_inbox.py::test_imap_opens_the_inbox_for_reading_only",),
    ),
    Bug(
        "a stranger's name is markup on the page",
        "reports/markup.py",
        "{html.escape(legible(value))}",
        "{legible(value)}",
        ("reports/test_reports_html.py::test_whatever_strangers_write_the_shape_stays_ours",),
    ),
    Bug(
        "a link for consent is offered where Entra refuses it",
        "workflows/consent.py",
        "    if not live.web_redirects:\n",
        "    if False:\n",
        (
            "workflows/test_workflows_consent.py::test_the_portals_page_for_the_application_and_no_link_without_a_redirect",
        ),
    ),
    # what a refusal is worth, and what a proof must not pass over in silence
    Bug(
        "the use of another right passes for evidence",
        "probes/graph_mailbox_refused.py",
        "used_elsewhere=kind in facts.proven",
        "used_elsewhere=bool(facts.proven)",
        (f"{SCOPED}::test_only_the_use_of_the_same_right_shows_what_a_refusal_is_about",),
    ),
    Bug(
        "a proof that failed is evidence for a later one",
        "workflows/verify.py",
        "{kind for kind, outcome in alike if outcome.state is ProofState.PASSED}",
        "{kind for kind, outcome in alike}",
        ("workflows/test_workflows_verify.py::test_over_graph_a_right_that_was_used_is_evidence_for_itself",),
    ),
    Bug(
        "a role that was never given passes for a scope",
        "probes/weighing.py",
        '    "role_not_assigned": _WEIGHTS["role_not_assigned"],\n',
        "",
        (
            f"{SCOPED}::test_a_mailbox_outside_the_scope",
            f"{SCOPED}::test_why_a_closed_mailbox_is_closed",
            f"{SCOPED}::test_only_the_use_of_the_same_right_shows_what_a_refusal_is_about",
        ),
    ),
    Bug(
        "a proof without its parameter is dropped in silence",
        "playbook/declaring.py",
        "        untried=tuple(_untried(filling)),\n",
        "",
        ("playbook/test_playbook_declaring.py::test_a_proof_with_a_condition_needs_its_parameter",),
    ),
    Bug(
        "the consent that a scoped product keeps is no cause",
        "probes/judge.py",
        "by_consent = replace(facts, scoped=False)",
        "by_consent = facts",
        (f"{SCOPED}::test_a_scoped_product_that_keeps_a_permission_of_entra_depends_on_its_consent",),
    ),
    Bug(
        "a surviving grant that stops the mail is no cause",
        "probes/replies.py",
        '_NO_MAILBOX = (*NO_ENTRY[2:], "scope_too_wide")',
        "_NO_MAILBOX = NO_ENTRY[2:]",
        (f"{SCOPED}::test_a_scoped_product_is_refused_for_its_scope_never_for_consent_or_rights",),
    ),
    Bug(
        "a link is given for an account that is disabled",
        "probes/sign_in_link.py",
        '        "account_disabled": facts.account_enabled is False,\n',
        "",
        (f"{ACCOUNTS}::test_what_is_missing_is_named",),
    ),
    # who else has what is given, and what earlier runs gave
    Bug(
        "what is opened to strangers' keys needs nobody's word",
        "engine/planning.py",
        "    if doubt is not None and Gate.FOREIGN_KEYS not in open_gates:\n",
        "    if False:\n",
        (f"{PLANNING}::test_nothing_is_opened_to_what_strangers_hold_keys_of",),
    ),
    Bug(
        "what earlier parameters asked for goes unasked",
        "engine/planning.py",
        "        gated = replace(change, gate=Gate.REMOVE_GRANTS,",
        "        gated = replace(change,",
        (f"{PLANNING}::test_what_is_superseded_goes_behind_the_gate_for_grants",),
    ),
    Bug(
        "of what is superseded all goes, whosever it is",
        "engine/planning.py",
        "    whole = base(change.address)\n",
        "    whole = change.address\n",
        (f"{PLANNING}::test_of_what_is_superseded_nothing_goes_that_was_there_before_us",),
    ),
    Bug(
        "a mailbox that was named before is forgotten",
        "workflows/superseded.py",
        "            if old.mailbox.casefold() != new.mailbox.casefold():\n",
        "            if False:\n",
        ("workflows/test_workflows_superseded.py::test_what_is_left",),
    ),
    Bug(
        "a list is replaced by what the plan saw of it",
        "resources/hands.py",
        "                tags=_both(known.tags, live.tags),\n",
        "                tags=known.tags,\n",
        ("resources/test_resources_now.py::test_what_was_added_meanwhile_is_there_and_what_the_plan_saw_as_well",),
    ),
    Bug(
        "a removal does not look again after a long question",
        "workflows/remove.py",
        "            if took_long(session, asked):\n",
        "            if False:\n",
        ("workflows/test_workflows_remove.py::test_a_slow_answer_does_not_take_away_what_was_not_shown",),
    ),
)
