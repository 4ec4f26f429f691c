#!/usr/bin/env bash
# A Slurm cluster of this one machine, as root: single_node.sh start FOLDER, single_node.sh stop FOLDER.
# Needs Debian's slurm-wlm and munge. Everything lies in FOLDER; other clusters of the machine are left alone.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
folder=$(realpath "$2")
export SLURM_CONF=$folder/slurm.conf

fail() { echo "single_node.sh: $*" >&2; exit 1; }

start() {
    [ "$(id -u)" = 0 ] || fail "expected root"
    for program in munged slurmctld slurmd sbatch squeue; do
        command -v "$program" >/dev/null || fail "$program is not installed: expected slurm-wlm and munge"
    done
    mkdir -p "$folder"/{state,spool}
    chmod 755 "$folder"
    (umask 077 && head -c 1024 /dev/urandom >"$folder/munge.key")
    munged --force --key-file "$folder/munge.key" --socket "$folder/munge.socket" \
        --pid-file "$folder/munged.pid" --log-file "$folder/munged.log" --seed-file "$folder/munge.seed" 2>>"$folder/munged.err"
    local host port
    host=$(hostname -s)
    port=$((20000 + RANDOM % 20000))
    cat >"$SLURM_CONF" <<END
ClusterName=nearopt
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CredType=cred/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SchedulerParameters=sched_interval=5,batch_sched_delay=1
KillWait=5
ReturnToService=2
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
    slurmctld -c 2>>"$folder/slurmctld.err" || fail "slurmctld: $(tail -n 3 "$folder"/slurmctld.*)"
    slurmd -c 2>>"$folder/slurmd.err" || fail "slurmd: $(tail -n 3 "$folder"/slurmd.*)"
    for _ in $(seq 60); do
        sinfo --noheader --format=%t 2>/dev/null | grep -q idle && return
        sleep 0.5
    done
    fail "the node did not come up: $(sinfo 2>&1 | tail -n 1) $(tail -n 3 "$folder"/slurm*.log)"
}

stop() {
    for daemon in slurmd slurmctld munged; do
        [ ! -f "$folder/$daemon.pid" ] || kill "$(cat "$folder/$daemon.pid")" 2>/dev/null || true
    done
}

case $1 in
start) start ;;
stop) stop ;;
*) fail "$1: expected start or stop" ;;
esac
