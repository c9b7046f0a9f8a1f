/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A process changed who it is (credentials) or where it is (namespaces, root). */

static __always_inline void on_credentials(struct call *call)
{
	struct credentials_event_record record = {};

	if (!call->result) {
		fill_header(call->task, call->state, RECORD_CREDENTIALS, &record.header);
		record.header.size = sizeof(record);
		fill_credentials(call->task, &record.credentials);
		send_rare(call->state->container, &record, sizeof(record), CONVENIENT);
	}
	tell_call(call, call->number);
}

static __always_inline void on_namespaces(struct call *call)
{
	struct namespaces_event_record record = {};
	struct namespace_root root = {};

	if (!call->result && find_namespace_root(call->task, &root)) {
		fill_header(call->task, call->state, RECORD_NAMESPACES, &record.header);
		record.header.size = sizeof(record);
		fill_namespaces(call->task, &record.namespaces);
		fill_root(call->task, &root, &record.header, &record.root);
		send_rare(call->state->container, &record, sizeof(record), CONVENIENT);
	}
	tell_call(call, call->number);
}

ON_CALL_EXIT(on_credentials_exit, on_credentials)
ON_CALL_EXIT(on_namespaces_exit, on_namespaces)
