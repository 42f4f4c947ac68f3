"""Functions with effects that neither a read-only transaction nor a rollback stops. A list, and nothing else.

Source: the manual's chapter "System Administration Functions", and the extensions that come with PostgreSQL.
"""

import re

WITH_EFFECTS = re.compile(
    r"\b(pg_(cancel|terminate|rotate|create|drop|switch|logical|log|replication_origin|copy|backup|start|stop|sync|import"
    r"|wal_replay|truncate)_\w+|pg_\w*reset\w*|pg_(try_)?advisory_\w+|pg_sleep\w*|pg_notify|pg_reload_conf|pg_promote"
    r"|pg_export_snapshot|pg_replication_slot_advance|pg_(read|write|stat)_\w*file\w*|pg_file_(write|rename|unlink|sync)"
    r"|pg_ls_\w+|lo_\w+|loread|lowrite|dblink\w*|set_config|nextval|setval|query_to_xml\w*|cursor_to_xml\w*|ts_stat"
    r"|ts_rewrite|crosstab\w*|connectby)\b",
    re.IGNORECASE,
)
