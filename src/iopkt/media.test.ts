// ifmedia, the MDI library, and link state as people see it.

import { expect, test } from 'vitest';
import { E2BIG, EINVAL, EIO, EOK } from './errno.ts';
import {
  IFM_INST_ANY,
  ifmedia,
  ifmedia_add,
  ifmedia_delete_instance,
  ifmedia_init,
  ifmedia_ioctl,
  ifmedia_list_add,
  ifmedia_match,
  ifmedia_set,
} from './ifmedia.ts';
import {
  IFM_10_T,
  IFM_100_TX,
  IFM_ACTIVE,
  IFM_AUTO,
  IFM_AVALID,
  IFM_ETHER,
  IFM_FDX,
  IFM_IMASK,
  IFM_MAKEWORD,
  IFM_NONE,
  ifmedia_baudrate,
  mediaName,
  mediaOptions,
  mediaSubtype,
} from './ifmedia-words.ts';
import { ifnet } from './ifnet.ts';
import {
  MDI_AutoNegotiate,
  MDI_BADPARAM,
  MDI_DeIsolatePhy,
  MDI_DisableMonitor,
  MDI_EnableMonitor,
  MDI_FAILURE,
  MDI_FindPhy,
  MDI_GetActiveMedia,
  MDI_GetAdvert,
  MDI_GetLinkStatus,
  MDI_GetMediaCapable,
  MDI_GetPartnerAdvert,
  MDI_InitPhy,
  MDI_IsolatePhy,
  MDI_LINK_DOWN,
  MDI_LINK_UNKNOWN,
  MDI_LINK_UP,
  MDI_MonitorPhy,
  MDI_PowerdownPhy,
  MDI_PowerupPhy,
  MDI_Register,
  MDI_ResetPhy,
  MDI_SetAdvert,
  MDI_SetSpeedDuplex,
  MDI_SUCCESS,
  MDI_SyncPhy,
  MDI_UNSUPPORTED,
  type mdi_t,
  NoWait,
  WaitBusy,
} from './mdi.ts';
import {
  MDI_10bT,
  MDI_10bTFD,
  MDI_100bT,
  MDI_100bTFD,
  MDI_1000bTFD,
  mediaDuplex,
  mediaRate,
  resolve,
} from './mdi-media.ts';
import { ifmediareq_init, SIOCGIFMEDIA, SIOCSIFMEDIA } from './sockio.ts';
import { host } from './testing.ts';

test('media words have the numbers and names of the manual', () => {
  expect(IFM_MAKEWORD(IFM_ETHER, IFM_100_TX, IFM_FDX, 1)).toBe(0x10100026);
  expect(mediaName(0x10100026)).toBe('100baseTX full-duplex');
  expect([mediaSubtype('AUTO'), mediaSubtype('10baset'), mediaSubtype('token')]).toEqual([0, 3, null]);
  expect([mediaOptions('fdx,flow'), mediaOptions('full-duplex,warp')]).toEqual([0x500000, null]);
  expect([IFM_100_TX, IFM_10_T, IFM_AUTO, 16].map(ifmedia_baudrate)).toEqual([100e6, 10e6, 0, 1000e6]);
});

test('SIOCSIFMEDIA and SIOCGIFMEDIA on the list of a driver', () => {
  const ifm = new ifmedia();
  const ifp = new ifnet();
  let answer = EOK;
  let changes = 0;
  ifmedia_init(
    ifm,
    IFM_IMASK,
    () => {
      changes++;
      return answer;
    },
    (_ifp, imr) =>
      void Object.assign(imr, { ifm_status: IFM_AVALID | IFM_ACTIVE, ifm_active: IFM_ETHER | IFM_10_T }),
  );
  const words = [IFM_NONE, IFM_AUTO, IFM_10_T, IFM_100_TX | IFM_FDX].map((word) => word | IFM_ETHER);
  ifmedia_list_add(
    ifm,
    words.slice(0, 3).map((ifm_media) => ({ ifm_media, ifm_data: 0, ifm_aux: null })),
  );
  ifmedia_add(ifm, words[3], 0, null);
  ifmedia_set(ifm, IFM_ETHER | IFM_AUTO);
  expect(changes).toBe(0);
  const it = host();
  it.io.mount('xx');
  it.io.request('test', () => {
    const set = (ifr_media: number) => ifmedia_ioctl(ifp, { ifr_name: '', ifr_media }, ifm, SIOCSIFMEDIA);
    // Not supported: the choice stays.
    expect([set(IFM_ETHER | IFM_100_TX), ifm.ifm_media]).toEqual([EINVAL, IFM_ETHER | IFM_AUTO]);
    expect([set(words[3]), ifm.ifm_media, changes]).toEqual([EOK, words[3], 1]);
    expect([set(words[3]), changes]).toEqual([EOK, 1]);
    // Autoselect again negotiates again.
    expect([set(words[1]), set(words[1]), changes]).toEqual([EOK, EOK, 3]);
    answer = EIO;
    expect([set(words[2]), ifm.ifm_media]).toEqual([EIO, words[1]]);
    const imr = ifmediareq_init('', 0);
    expect([ifmedia_ioctl(ifp, imr, ifm, SIOCGIFMEDIA), imr.ifm_count, imr.ifm_ulist]).toEqual([
      EOK,
      4,
      null,
    ]);
    imr.ifm_count = 2;
    expect([ifmedia_ioctl(ifp, imr, ifm, SIOCGIFMEDIA), imr.ifm_count, imr.ifm_ulist]).toEqual([
      E2BIG,
      4,
      words.slice(0, 2),
    ]);
    expect([imr.ifm_current, imr.ifm_active, imr.ifm_status]).toEqual([words[1], IFM_ETHER | IFM_10_T, 3]);
    imr.ifm_count = 9;
    expect([ifmedia_ioctl(ifp, imr, ifm, SIOCGIFMEDIA), imr.ifm_ulist]).toEqual([EOK, words]);
    expect(ifmedia_match(ifm, words[2] | 0x20000000, IFM_IMASK)?.ifm_media).toBe(words[2]);
    ifmedia_delete_instance(ifm, 1);
    expect(ifm.ifm_list.length).toBe(4);
    ifmedia_delete_instance(ifm, IFM_INST_ANY);
    expect([ifm.ifm_list.length, ifm.ifm_cur]).toEqual([0, null]);
  });
});

/** A PHY of registers, as others are behind management registers. */
function phyBench(): { regs: Uint16Array; mdi: mdi_t; states: number[]; lost: { value: boolean } } {
  // 10 and 100 Mb/s; the link is up, negotiation is done, the partner can do all but 100 full.
  const regs = new Uint16Array(32);
  regs.set([0x1000, 0x782d, 0x22, 0x33, 0x01e1, 0x00e1]);
  const states: number[] = [];
  const lost = { value: false };
  const mdip: { value: mdi_t | null } = { value: null };
  MDI_Register(
    regs,
    (handle, phy, reg, value) => {
      if (phy === 1) (handle as Uint16Array)[reg] = reg === 0 ? value & ~0x0200 : value;
    },
    (handle, phy, reg) => {
      const status = (handle as Uint16Array)[1];
      // A loss of the link latches until the status is read.
      if (phy === 1 && reg === 1 && lost.value) {
        lost.value = false;
        return status & ~4;
      }
      return phy === 1 ? (handle as Uint16Array)[reg] : 0xffff;
    },
    (_handle, _phy, state) => void states.push(state),
    mdip,
    null,
  );
  return { regs, mdi: mdip.value!, states, lost };
}

test('the MDI library finds a PHY, tells its media, and forces speed and duplex', () => {
  const { regs, mdi } = phyBench();
  const media = { value: 0 };
  expect([MDI_FindPhy(mdi, 0), MDI_FindPhy(mdi, 1), MDI_FindPhy(mdi, 32)]).toEqual([
    MDI_FAILURE,
    MDI_SUCCESS,
    MDI_BADPARAM,
  ]);
  expect(MDI_GetLinkStatus(mdi, 1)).toBe(MDI_BADPARAM);
  expect(MDI_InitPhy(mdi, 1)).toBe(MDI_SUCCESS);
  expect(MDI_GetMediaCapable(mdi, 1, media)).toBe(MDI_SUCCESS);
  expect(media.value).toBe(MDI_10bT | MDI_10bTFD | MDI_100bT | MDI_100bTFD);
  expect([MDI_GetActiveMedia(mdi, 1, media), media.value]).toEqual([MDI_SUCCESS, MDI_100bT]);
  expect([MDI_GetPartnerAdvert(mdi, 1, media), media.value]).toEqual([MDI_SUCCESS, 0xe0]);
  expect(MDI_SetAdvert(mdi, 1, MDI_1000bTFD)).toBe(MDI_UNSUPPORTED);
  expect(MDI_SetAdvert(mdi, 1, MDI_10bTFD)).toBe(MDI_SUCCESS);
  expect([MDI_GetAdvert(mdi, 1, media), media.value, regs[4]]).toEqual([MDI_SUCCESS, MDI_10bTFD, 0x41]);
  expect([MDI_GetActiveMedia(mdi, 1, media), media.value]).toEqual([MDI_SUCCESS, MDI_10bTFD]);
  expect([MDI_SetSpeedDuplex(mdi, 1, 100, 1), regs[0]]).toEqual([MDI_SUCCESS, 0x2100]);
  expect([MDI_GetActiveMedia(mdi, 1, media), media.value]).toEqual([MDI_SUCCESS, MDI_100bTFD]);
  expect([MDI_SetSpeedDuplex(mdi, 1, 10, 0), MDI_GetActiveMedia(mdi, 1, media), media.value]).toEqual([
    0,
    0,
    MDI_10bT,
  ]);
  expect(MDI_SetSpeedDuplex(mdi, 1, 11, 1)).toBe(MDI_BADPARAM);
  MDI_IsolatePhy(mdi, 1);
  MDI_PowerdownPhy(mdi, 1);
  expect(regs[0]).toBe(0x0c00);
  MDI_DeIsolatePhy(mdi, 1);
  MDI_PowerupPhy(mdi, 1);
  expect(regs[0]).toBe(0);
  expect([MDI_AutoNegotiate(mdi, 1, NoWait), regs[0]]).toEqual([MDI_SUCCESS, 0x1000]);
  regs[1] &= ~0x20;
  expect([MDI_GetActiveMedia(mdi, 1, media), MDI_GetPartnerAdvert(mdi, 1, media)]).toEqual([
    MDI_FAILURE,
    MDI_FAILURE,
  ]);
  regs[1] &= ~0x08;
  expect(MDI_AutoNegotiate(mdi, 1, NoWait)).toBe(MDI_UNSUPPORTED);
  expect([resolve(0x1e0), mediaRate(MDI_100bTFD), mediaDuplex(MDI_100bT), mediaRate(0)]).toEqual([
    0x100, 100_000, 0, -1,
  ]);
});

test('waiting ends after its time, in stack context', () => {
  const { regs, mdi } = phyBench();
  MDI_InitPhy(mdi, 1);
  regs[1] &= ~0x20;
  const it = host();
  it.io.mount('xx');
  const start = it.clock.now();
  expect(it.io.request('test', () => MDI_AutoNegotiate(mdi, 1, 1))).toBe(MDI_FAILURE);
  expect(it.clock.now() - start).toBe(1_000_000_000);
  // This PHY never comes out of its reset.
  expect(it.io.request('test', () => MDI_ResetPhy(mdi, 1, WaitBusy))).toBe(MDI_FAILURE);
  expect(it.clock.now() - start).toBe(5_000_000_000);
});

test('the monitor tells each change once, and negotiates while the link stays down', () => {
  const { regs, mdi, states, lost } = phyBench();
  MDI_InitPhy(mdi, 1);
  MDI_MonitorPhy(mdi);
  expect(states).toEqual([]);
  MDI_EnableMonitor(mdi, 1);
  MDI_MonitorPhy(mdi);
  MDI_MonitorPhy(mdi);
  regs[1] &= ~4;
  MDI_MonitorPhy(mdi);
  regs[0] = 0;
  MDI_MonitorPhy(mdi);
  expect(regs[0]).toBe(0x1000);
  regs[1] |= 4;
  MDI_MonitorPhy(mdi);
  MDI_SyncPhy(mdi, 1);
  MDI_MonitorPhy(mdi);
  expect(states).toEqual([MDI_LINK_UP, MDI_LINK_DOWN, MDI_LINK_UP, MDI_LINK_UP]);
  // Gone for a moment and back: the link is up now.
  lost.value = true;
  MDI_MonitorPhy(mdi);
  expect(states.length).toBe(4);
  MDI_DisableMonitor(mdi);
  regs.fill(0xffff);
  expect(MDI_GetLinkStatus(mdi, 1)).toBe(MDI_LINK_UNKNOWN);
});

test('media are changed on the fly: the PHY has it, the driver starts afresh, traffic goes on', () => {
  const it = host();
  it.io.mount('xx');
  it.up();
  const [sc] = it.softcs;
  const word = IFM_ETHER | IFM_10_T | IFM_FDX;
  expect(it.io.ioctl('xx0', SIOCSIFMEDIA, { ifr_name: 'xx0', ifr_media: word })).toBe(EOK);
  expect([it.card.phy[0], sc.inits]).toEqual([0x0100, 2]);
  it.run(3_000_000_000);
  expect(it.device().link).toEqual({ bitsPerSecond: 10_000_000, fullDuplex: true });
  expect(sc.cfg.media_rate).toBe(10_000);
  it.send(1);
  it.run(1000);
  expect(it.card.sent).toBe(1);
  expect(it.io.ioctl('xx0', SIOCSIFMEDIA, { ifr_name: 'xx0', ifr_media: IFM_ETHER | 16 })).toBe(EINVAL);
});
