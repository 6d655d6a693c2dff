for (const table of document.querySelectorAll('table.sort')) {
  const heads = table.tHead.rows[0].cells, body = table.tBodies[0];
  for (const head of heads) head.addEventListener('click', () => {
    const down = head.getAttribute('aria-sort') === 'ascending', k = head.cellIndex;
    for (const other of heads) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const key = row => row.cells[k].dataset.v ?? row.cells[k].textContent.trim();
    const order = (a, b) => {
      const x = key(a), y = key(b);
      if ((x === '') !== (y === '')) return x === '' ? 1 : -1;
      const d = x !== '' && y !== '' && !isNaN(x) && !isNaN(y) ? x - y : x.localeCompare(y);
      return down ? -d : d;
    };
    [...body.rows].sort(order).forEach(row => body.appendChild(row));
  });
}
const find = document.getElementById('find');
if (find) find.addEventListener('input', () => {
  const text = find.value.toLowerCase();
  for (const row of document.querySelectorAll('table.sort tbody tr'))
    row.style.display = row.textContent.toLowerCase().includes(text) ? '' : 'none';
});
