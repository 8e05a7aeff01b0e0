"use strict";
// Every table that says data-table can be sorted by its heads. Without this script it is a plain table.
document.querySelectorAll("table[data-table]").forEach((table) => {
  new DataTable(table, { paging: false, info: false, searching: true, autoWidth: false, order: [], layout: {} });
});
