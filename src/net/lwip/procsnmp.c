/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/net/snmp, netstat and snmp6: what is counted (count.h), and 0 for what is not. */
#include <lwip/prot/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "net/lwip/procnet.h"

#define MLD2_REPORT 143

struct field {
	const char *name;
	uint64_t value;
};

static void show_line(FILE *f, const char *group, const struct field *v, size_t n)
{
	fprintf(f, "%s:", group);
	for (size_t i = 0; i < n; i++)
		fprintf(f, " %s", v[i].name);
	fprintf(f, "\n%s:", group);
	for (size_t i = 0; i < n; i++)
		fprintf(f, " %lld", (long long)v[i].value);
	fputc('\n', f);
}

static uint64_t all_types(const uint64_t types[256])
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < 256; i++)
		sum += types[i];
	return sum;
}

static void show_ip(const struct ip_counts *c, FILE *f)
{
	const struct field v[] = { { "Forwarding", 2 }, { "DefaultTTL", 64 },
		{ "InReceives", c->in_receives }, { "InHdrErrors", 0 }, { "InAddrErrors", 0 },
		{ "ForwDatagrams", 0 }, { "InUnknownProtos", 0 }, { "InDiscards", 0 },
		{ "InDelivers", c->in_delivers }, { "OutRequests", c->out_requests },
		{ "OutDiscards", 0 }, { "OutNoRoutes", c->out_no_routes }, { "ReasmTimeout", 0 },
		{ "ReasmReqds", c->reasm_reqds }, { "ReasmOKs", 0 }, { "ReasmFails", 0 },
		{ "FragOKs", c->frag_oks }, { "FragFails", 0 }, { "FragCreates", c->frag_creates },
		{ "OutTransmits", c->out_transmits } };

	show_line(f, "Ip", v, ARRAY_SIZE(v));
}

static void show_icmp(const struct icmp_counts *c, FILE *f)
{
	static const struct {
		const char *name;
		uint8_t type;
	} types[] = { { "DestUnreachs", ICMP_DEST_UNREACH }, { "TimeExcds", ICMP_TIME_EXCEEDED },
		{ "ParmProbs", ICMP_PARAMETERPROB }, { "SrcQuenchs", ICMP_SOURCE_QUENCH },
		{ "Redirects", ICMP_REDIRECT }, { "Echos", ICMP_ECHO },
		{ "EchoReps", ICMP_ECHOREPLY }, { "Timestamps", ICMP_TIMESTAMP },
		{ "TimestampReps", ICMP_TIMESTAMPREPLY }, { "AddrMasks", ICMP_ADDRESS },
		{ "AddrMaskReps", ICMP_ADDRESSREPLY } };

	fputs("Icmp: InMsgs InErrors InCsumErrors", f);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		fprintf(f, " In%s", types[i].name);
	fputs(" OutMsgs OutErrors OutRateLimitGlobal OutRateLimitHost", f);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		fprintf(f, " Out%s", types[i].name);
	fprintf(f, "\nIcmp: %llu 0 0", (unsigned long long)all_types(c->in));
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		fprintf(f, " %llu", (unsigned long long)c->in[types[i].type]);
	fprintf(f, " %llu 0 0 0", (unsigned long long)all_types(c->out));
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		fprintf(f, " %llu", (unsigned long long)c->out[types[i].type]);
	fputc('\n', f);
}

/* One for each type of message that there has been, by its number: "InType8". */
struct types {
	char name[2 * 256][12];
	struct field v[2 * 256];
	size_t n;
};

static void fill_types(const struct icmp_counts *c, struct types *ret)
{
	ret->n = 0;
	for (unsigned i = 0; i < 2 * 256; i++) {
		const uint64_t value = i < 256 ? c->in[i] : c->out[i - 256];
		char *name = ret->name[ret->n];

		if (!value)
			continue;
		snprintf(name, sizeof(ret->name[0]), "%sType%u", i < 256 ? "In" : "Out", i % 256);
		ret->v[ret->n++] = (struct field){ name, value };
	}
}

/* (the kernel leaves the line out where there are none) */
static void show_icmp_types(const struct icmp_counts *c, FILE *f)
{
	struct types t;

	fill_types(c, &t);
	if (t.n)
		show_line(f, "IcmpMsg", t.v, t.n);
}

#define UDP_FIELDS 9
#define UDP6_FIELDS 7 /* the first ones */

static void fill_udp(const struct udp_counts *c, struct field ret[UDP_FIELDS])
{
	const struct field v[UDP_FIELDS] = { { "InDatagrams", c->in_datagrams },
		{ "NoPorts", c->no_ports }, { "InErrors", c->in_errors },
		{ "OutDatagrams", c->out_datagrams }, { "RcvbufErrors", c->rcvbuf_errors },
		{ "SndbufErrors", 0 }, { "InCsumErrors", 0 }, { "IgnoredMulti", 0 },
		{ "MemErrors", 0 } };

	memcpy(ret, v, sizeof(v));
}

static void show_udp(const char *group, const struct udp_counts *c, FILE *f)
{
	struct field v[UDP_FIELDS];

	fill_udp(c, v);
	show_line(f, group, v, UDP_FIELDS);
}

void procnet_snmp(struct stack *st, FILE *f)
{
	const struct counts *c = &st->counts;
	const struct tcp_counts *t = &c->tcp;
	const struct field tcp[] = { { "RtoAlgorithm", 1 }, { "RtoMin", 500 }, { "RtoMax", 120000 },
		{ "MaxConn", UINT64_MAX }, { "ActiveOpens", t->active_opens },
		{ "PassiveOpens", t->passive_opens }, { "AttemptFails", t->attempt_fails },
		{ "EstabResets", t->estab_resets }, { "CurrEstab", procnet_established(st) },
		{ "InSegs", t->in_segs }, { "OutSegs", t->out_segs },
		{ "RetransSegs", t->retrans_segs }, { "InErrs", 0 }, { "OutRsts", t->out_rsts },
		{ "InCsumErrors", 0 } };

	show_ip(&c->ip[0], f);
	show_icmp(&c->icmp[0], f);
	show_icmp_types(&c->icmp[0], f);
	show_line(f, "Tcp", tcp, ARRAY_SIZE(tcp));
	show_udp("Udp", &c->udp[0], f);
	show_udp("UdpLite", &c->udplite[0], f);
}

/* Those of TcpExt, in the kernel's order. */
static const char *const tcp_names[] = { "SyncookiesSent", "SyncookiesRecv", "SyncookiesFailed",
	"EmbryonicRsts", "PruneCalled", "RcvPruned", "OfoPruned", "OutOfWindowIcmps",
	"LockDroppedIcmps", "ArpFilter", "TW", "TWRecycled", "TWKilled", "PAWSActive", "PAWSEstab",
	"BeyondWindow", "TSEcrRejected", "PAWSOldAck", "PAWSTimewait", "DelayedACKs",
	"DelayedACKLocked", "DelayedACKLost", "ListenOverflows", "ListenDrops", "TCPHPHits",
	"TCPPureAcks", "TCPHPAcks", "TCPRenoRecovery", "TCPSackRecovery", "TCPSACKReneging",
	"TCPSACKReorder", "TCPRenoReorder", "TCPTSReorder", "TCPFullUndo", "TCPPartialUndo",
	"TCPDSACKUndo", "TCPLossUndo", "TCPLostRetransmit", "TCPRenoFailures", "TCPSackFailures",
	"TCPLossFailures", "TCPFastRetrans", "TCPSlowStartRetrans", "TCPTimeouts", "TCPLossProbes",
	"TCPLossProbeRecovery", "TCPRenoRecoveryFail", "TCPSackRecoveryFail", "TCPRcvCollapsed",
	"TCPBacklogCoalesce", "TCPDSACKOldSent", "TCPDSACKOfoSent", "TCPDSACKRecv",
	"TCPDSACKOfoRecv", "TCPAbortOnData", "TCPAbortOnClose", "TCPAbortOnMemory",
	"TCPAbortOnTimeout", "TCPAbortOnLinger", "TCPAbortFailed", "TCPMemoryPressures",
	"TCPMemoryPressuresChrono", "TCPSACKDiscard", "TCPDSACKIgnoredOld", "TCPDSACKIgnoredNoUndo",
	"TCPSpuriousRTOs", "TCPMD5NotFound", "TCPMD5Unexpected", "TCPMD5Failure", "TCPSackShifted",
	"TCPSackMerged", "TCPSackShiftFallback", "TCPBacklogDrop", "PFMemallocDrop",
	"TCPMinTTLDrop", "TCPDeferAcceptDrop", "IPReversePathFilter", "TCPTimeWaitOverflow",
	"TCPReqQFullDoCookies", "TCPReqQFullDrop", "TCPRetransFail", "TCPRcvCoalesce",
	"TCPOFOQueue", "TCPOFODrop", "TCPOFOMerge", "TCPChallengeACK", "TCPSYNChallenge",
	"TCPFastOpenActive", "TCPFastOpenActiveFail", "TCPFastOpenPassive",
	"TCPFastOpenPassiveFail", "TCPFastOpenListenOverflow", "TCPFastOpenCookieReqd",
	"TCPFastOpenBlackhole", "TCPSpuriousRtxHostQueues", "BusyPollRxPackets", "TCPAutoCorking",
	"TCPFromZeroWindowAdv", "TCPToZeroWindowAdv", "TCPWantZeroWindowAdv", "TCPSynRetrans",
	"TCPOrigDataSent", "TCPHystartTrainDetect", "TCPHystartTrainCwnd", "TCPHystartDelayDetect",
	"TCPHystartDelayCwnd", "TCPACKSkippedSynRecv", "TCPACKSkippedPAWS", "TCPACKSkippedSeq",
	"TCPACKSkippedFinWait2", "TCPACKSkippedTimeWait", "TCPACKSkippedChallenge", "TCPWinProbe",
	"TCPKeepAlive", "TCPMTUPFail", "TCPMTUPSuccess", "TCPDelivered", "TCPDeliveredCE",
	"TCPAckCompressed", "TCPZeroWindowDrop", "TCPRcvQDrop", "TCPWqueueTooBig",
	"TCPFastOpenPassiveAltKey", "TcpTimeoutRehash", "TcpDuplicateDataRehash",
	"TCPDSACKRecvSegs", "TCPDSACKIgnoredDubious", "TCPMigrateReqSuccess",
	"TCPMigrateReqFailure" };

static void show_tcp_ext(const struct tcp_counts *c, FILE *f)
{
	const uint64_t again = c->retrans_segs - c->syn_retrans;
	const struct field counted[] = { { "ListenOverflows", c->listen_overflows },
		{ "ListenDrops", c->listen_drops }, { "TCPFastRetrans", c->fast_retrans },
		{ "TCPTimeouts", c->timeouts }, { "TCPSynRetrans", c->syn_retrans },
		{ "TCPOrigDataSent", c->data_sent > again ? c->data_sent - again : 0 } };
	struct field v[ARRAY_SIZE(tcp_names)];

	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		v[i] = (struct field){ tcp_names[i], 0 };
		for (size_t k = 0; k < ARRAY_SIZE(counted); k++) {
			if (strcmp(counted[k].name, tcp_names[i]) == 0)
				v[i].value = counted[k].value;
		}
	}
	show_line(f, "TcpExt", v, ARRAY_SIZE(v));
}

void procnet_netstat(struct stack *st, FILE *f)
{
	const struct ip_counts *i = &st->counts.ip[0];
	const struct field ip[] = { { "InNoRoutes", 0 }, { "InTruncatedPkts", 0 },
		{ "InMcastPkts", i->in_mcast_pkts }, { "OutMcastPkts", i->out_mcast_pkts },
		{ "InBcastPkts", i->in_bcast_pkts }, { "OutBcastPkts", i->out_bcast_pkts },
		{ "InOctets", i->in_octets }, { "OutOctets", i->out_octets },
		{ "InMcastOctets", i->in_mcast_octets }, { "OutMcastOctets", i->out_mcast_octets },
		{ "InBcastOctets", i->in_bcast_octets }, { "OutBcastOctets", i->out_bcast_octets },
		{ "InCsumErrors", 0 }, { "InNoECTPkts", i->in_no_ect },
		{ "InECT1Pkts", i->in_ect1 }, { "InECT0Pkts", i->in_ect0 },
		{ "InCEPkts", i->in_ce }, { "ReasmOverlaps", 0 } };

	show_tcp_ext(&st->counts.tcp, f);
	show_line(f, "IpExt", ip, ARRAY_SIZE(ip));
}

static void show6(FILE *f, const char *name, uint64_t value)
{
	fprintf(f, "%-32s\t%llu\n", name, (unsigned long long)value);
}

static void show_lines6(FILE *f, const char *group, const struct field *v, size_t n)
{
	char name[48];

	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s%s", group, v[i].name);
		show6(f, name, v[i].value);
	}
}

static void show_icmp6(const struct icmp_counts *c, FILE *f)
{
	static const struct {
		const char *name;
		uint8_t type;
	} types[] = { { "DestUnreachs", ICMP6_TYPE_DUR }, { "PktTooBigs", ICMP6_TYPE_PTB },
		{ "TimeExcds", ICMP6_TYPE_TE }, { "ParmProblems", ICMP6_TYPE_PP },
		{ "Echos", ICMP6_TYPE_EREQ }, { "EchoReplies", ICMP6_TYPE_EREP },
		{ "GroupMembQueries", ICMP6_TYPE_MLQ }, { "GroupMembResponses", ICMP6_TYPE_MLR },
		{ "GroupMembReductions", ICMP6_TYPE_MLD }, { "RouterSolicits", ICMP6_TYPE_RS },
		{ "RouterAdvertisements", ICMP6_TYPE_RA }, { "NeighborSolicits", ICMP6_TYPE_NS },
		{ "NeighborAdvertisements", ICMP6_TYPE_NA }, { "Redirects", ICMP6_TYPE_RD },
		{ "MLDv2Reports", MLD2_REPORT } };
	char name[48];
	struct types t;

	show6(f, "Icmp6InMsgs", all_types(c->in));
	show6(f, "Icmp6InErrors", 0);
	show6(f, "Icmp6OutMsgs", all_types(c->out));
	show6(f, "Icmp6OutErrors", 0);
	show6(f, "Icmp6InCsumErrors", 0);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(types); i++) {
		const size_t k = i % ARRAY_SIZE(types);
		const bool out = i >= ARRAY_SIZE(types);

		snprintf(name, sizeof(name), "Icmp6%s%s", out ? "Out" : "In", types[k].name);
		show6(f, name, out ? c->out[types[k].type] : c->in[types[k].type]);
	}
	fill_types(c, &t);
	show_lines6(f, "Icmp6", t.v, t.n);
}

static void show_udp6(const char *group, const struct udp_counts *c, FILE *f)
{
	struct field v[UDP_FIELDS];

	fill_udp(c, v);
	show_lines6(f, group, v, UDP6_FIELDS);
}

void procnet_snmp6(struct stack *st, FILE *f)
{
	const struct counts *c = &st->counts;
	const struct ip_counts *i = &c->ip[1];
	const struct field ip[] = { { "InReceives", i->in_receives }, { "InHdrErrors", 0 },
		{ "InTooBigErrors", 0 }, { "InNoRoutes", 0 }, { "InAddrErrors", 0 },
		{ "InUnknownProtos", 0 }, { "InTruncatedPkts", 0 }, { "InDiscards", 0 },
		{ "InDelivers", i->in_delivers }, { "OutForwDatagrams", 0 },
		{ "OutRequests", i->out_requests }, { "OutDiscards", 0 },
		{ "OutNoRoutes", i->out_no_routes }, { "ReasmTimeout", 0 },
		{ "ReasmReqds", i->reasm_reqds }, { "ReasmOKs", 0 }, { "ReasmFails", 0 },
		{ "FragOKs", i->frag_oks }, { "FragFails", 0 }, { "FragCreates", i->frag_creates },
		{ "InMcastPkts", i->in_mcast_pkts }, { "OutMcastPkts", i->out_mcast_pkts },
		{ "InOctets", i->in_octets }, { "OutOctets", i->out_octets },
		{ "InMcastOctets", i->in_mcast_octets }, { "OutMcastOctets", i->out_mcast_octets },
		{ "InBcastOctets", 0 }, { "OutBcastOctets", 0 }, { "InNoECTPkts", i->in_no_ect },
		{ "InECT1Pkts", i->in_ect1 }, { "InECT0Pkts", i->in_ect0 },
		{ "InCEPkts", i->in_ce }, { "OutTransmits", i->out_transmits } };

	show_lines6(f, "Ip6", ip, ARRAY_SIZE(ip));
	show_icmp6(&c->icmp[1], f);
	show_udp6("Udp6", &c->udp[1], f);
	show_udp6("UdpLite6", &c->udplite[1], f);
}
