/* Arguments that point to structures, sets and arrays. As decode/arguments.py, and decode/strace's own for some. */

static bool put_struct_argument(struct writer *w, int i, const struct argument *a, enum when when, bool whole)
{
	struct datum d;
	if (!readable(w, i, WT_STRUCT, when, &d) || (whole && d.n < d.full))
		return put_address(w, i);
	return put_structure(w, a->table, d.bytes, d.n);
}

static bool arg_struct_in(struct writer *w, int i, const struct argument *a)
{
	return put_struct_argument(w, i, a, GIVEN, true);
}

static bool arg_struct_out(struct writer *w, int i, const struct argument *a)
{
	return put_struct_argument(w, i, a, FILLED, true);
}

/* The same for arguments that are printed as far as they could be read; what is cut is left to Python. */
static bool arg_struct_in_cut(struct writer *w, int i, const struct argument *a)
{
	return put_struct_argument(w, i, a, GIVEN, false);
}

static bool arg_struct_out_cut(struct writer *w, int i, const struct argument *a)
{
	return put_struct_argument(w, i, a, FILLED, false);
}

/* An extended attribute: mostly there is none; what there is is left to Python. */
static bool arg_attribute(struct writer *w, int i, const struct argument *a)
{
	(void)a;
	return w->error && put_address(w, i);
}

/* What is said of a child: nothing is filled in where there was none. */
static bool arg_of_child(struct writer *w, int i, const struct argument *a)
{
	return w->value ? arg_struct_out_cut(w, i, a) : put_address(w, i);
}

static bool is_negative(const struct datum *offset)
{
	return offset->n < 8 || signed_integer(offset->bytes, 8) < 0;
}

/* Before and after the call. `number`: 1 for an offset that is printed unsigned; a negative one is left to Python. */
static bool arg_struct_inout(struct writer *w, int i, const struct argument *a)
{
	struct datum before, after;
	bool given = readable(w, i, WT_STRUCT, GIVEN, &before), filled = readable(w, i, WT_STRUCT, FILLED, &after);
	if (!given && !filled)
		return put_address(w, i);
	if (!given)
		before = after;
	if (a->number && ((given && is_negative(&before)) || (filled && is_negative(&after))))
		return false;
	if (!put_structure(w, a->table, before.bytes, before.n))
		return false;
	if (!given || !filled || (before.n == after.n && !memcmp(before.bytes, after.bytes, before.n)))
		return true;
	put(w->text, " => ");
	return put_structure(w, a->table, after.bytes, after.n);
}

/* A set of signals is read only if its size, the argument `number`, is the kernel's. */
static bool arg_signal_set_in(struct writer *w, int i, const struct argument *a)
{
	return value_of(w, a->number) == 8 ? arg_struct_in_cut(w, i, a) : put_address(w, i);
}

static bool arg_signal_set_out(struct writer *w, int i, const struct argument *a)
{
	return value_of(w, a->number) == 8 ? arg_struct_out_cut(w, i, a) : put_address(w, i);
}

/* Of an interrupted sleep; of one until a point in time (`number`: 1) nothing is left. */
static bool arg_remaining(struct writer *w, int i, const struct argument *a)
{
	static const int interrupted[] = { EINTR, 512, 513, 514, 516 };	/* the restarts of include/linux/errno.h */
	struct datum d;
	if ((a->number && value_of(w, 1) & 1) || !readable(w, i, WT_STRUCT, FILLED, &d) || d.n < d.full)
		return put_address(w, i);
	for (size_t n = 0; n < sizeof(interrupted) / sizeof(interrupted[0]); n++)
		if (w->error == interrupted[n])
			return put_structure(w, a->table, d.bytes, d.n);
	return put_address(w, i);
}

/* Elements of a structure that holds one value, or is printed field by field. */
static bool put_array(struct writer *w, const struct argument *a, const struct datum *d)
{
	const struct structure *s = &STRUCTURES[a->table];
	if (!s->size || d->n < d->full || d->n % s->size)
		return false;
	put_char(w->text, '[');
	for (uint64_t at = 0; at < d->n; at += s->size) {
		put(w->text, at ? ", " : "");
		if (!(s->as == STRUCTURE_VALUE ? put_field(w, &FIELDS[s->first], d->bytes + at)
					       : put_structure(w, a->table, d->bytes + at, s->size)))
			return false;
	}
	put_char(w->text, ']');
	return true;
}

static bool arg_array_in(struct writer *w, int i, const struct argument *a)
{
	struct datum d;
	return readable(w, i, WT_ARRAY, GIVEN, &d) ? put_array(w, a, &d) : put_address(w, i);
}

/* `number`: how many elements it always has; 0: as many as the call returns. */
static bool arg_array_out(struct writer *w, int i, const struct argument *a)
{
	struct datum d;
	if (readable(w, i, WT_ARRAY, FILLED, &d))
		return put_array(w, a, &d);
	if (!succeeded(w) || w->value || !value_of(w, i) || a->number)
		return put_address(w, i);
	put(w->text, "[]");
	return true;
}

static bool arg_arch_address(struct writer *w, int i, const struct argument *a)
{
	if (a->table)
		return false;	/* filled in by the rarer codes */
	return arg_hex(w, i, a);
}
