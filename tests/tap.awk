# SPDX-License-Identifier: Apache-2.0
#
# Sums up the TAP of one suite: "PASSED FAILED SKIPPED" into the file `counts`, why tests were skipped
# into `skips`, and to standard output all that is to be known of failures, nothing else.
function flush_failure() {
	if (failing != "") printf "%s", failing
	failing = ""
}
function fail(what) { failed++; flush_failure(); printf "  not ok - %s\n", what }
function skip(what, why) {
	skipped++
	sub(/^ +/, "", why)
	print name ": " what (what != "" && why != "" ? ": " : "") why >skips
}
{ last[NR % 20] = $0 }
/^1\.\.[0-9]+/ {
	planned = substr($1, 4) + 0
	has_plan = 1
	if (planned == 0) {
		why = $0
		sub(/^1\.\.0 *#? *([Ss][Kk][Ii][Pp][A-Za-z]*)?:? */, "", why)
		skip("", why == "" ? "no reason given" : why)
	}
	next
}
/^Bail out!/ { fail($0); next }
/^(not )?ok( |$)/ {
	flush_failure()
	ran++
	label = $0
	sub(/^(not )?ok *[0-9]* *(- )?/, "", label)
	if (match(label, /# *(SKIP|skip|TODO|todo)/)) {
		why = substr(label, RSTART)
		sub(/^# *[A-Za-z]*:? */, "", why)
		label = substr(label, 1, RSTART - 1)
		sub(/ +$/, "", label)
		skip(label, why == "" ? comment : why)
	} else if ($1 == "ok") {
		passed++
	} else {
		failed++
		# What a test has to say stands before its line (unit) or after it (shell).
		failing = before "  " $0 "\n"
	}
	before = comment = ""
	next
}
/^#/ {
	comment = substr($0, 3)
	if (failing != "") failing = failing "  " $0 "\n"
	else before = before "  " $0 "\n"
	next
}
END {
	flush_failure()
	if (seconds >= limit && (status == 124 || status == 137))
		fail("timed out after " limit " s")
	else if (has_plan && planned != ran)
		fail("planned " planned " tests, ran " ran)
	else if (!has_plan && !ran)
		fail("ran no tests")
	else if (status != 0 && !failed)
		fail("ended with status " status)
	else
		told = 1
	if (!told)
		for (i = NR < 20 ? 1 : NR - 19; i <= NR; i++)
			print "  | " last[i % 20]
	print passed + 0, failed + 0, skipped + 0 >counts
}
